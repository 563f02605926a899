"""cocotb benches: code that runs inside the simulators, kept light because each of them imports it."""
