"""The image of a placed network: one .npz with all parameter memories, and what it takes to talk to the machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.errors import SpecError
from golden.files import read_npz, replacing
from golden.machines.loihi import LoihiMachine
from golden.machines.spinnaker import SpiNNakerMachine
from golden.machines.truenorth import TrueNorthMachine
from mapping.placed import Image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mapping.placed import Machine

#: Layout of the file; raised when it changes.
FILE_VERSION = 1
#: Every machine that an image can be for.
MACHINES: Mapping[str, type[Machine]] = {
    machine.name: machine for machine in (TrueNorthMachine, LoihiMachine, SpiNNakerMachine)
}
_SCALES = ("rest", "lsb", "current_lsb")


def save(image: Image, path: Path | str) -> None:
    """Write everything to a compressed .npz that ``load`` reads back bit for bit."""
    header = {
        "file_version": FILE_VERSION,
        "machine": image.machine.name,
        "network": image.network,
        "names": dict(image.names),
        "size": image.size,
        "sources": image.sources,
        "dt": image.dt,
    }
    arrays: dict[str, Any] = {name: getattr(image, name) for name in _SCALES}
    arrays |= {f"memory_{name}": array for name, array in image.machine.arrays().items()}
    arrays["image"] = np.array(json.dumps(header, sort_keys=True))
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load(path: Path | str) -> Image:
    """Read an image that ``save`` wrote; SpecError when it is missing, something else, or holds wrong memories."""
    arrays = read_npz(path, "Image")
    if not {"image", *_SCALES} <= arrays.keys():
        raise SpecError.rule(f"Image {path}", "written by hillock", "another npz")
    try:
        header = json.loads(str(arrays["image"]))
        version, name = header["file_version"], header["machine"]
        names = {str(key): (int(begin), int(size)) for key, (begin, size) in header["names"].items()}
        size, sources, dt = int(header["size"]), int(header["sources"]), float(header["dt"])
        network = str(header["network"])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SpecError.rule(f"Image {path}", "written by hillock", "an npz with another header") from None
    if version != FILE_VERSION:
        raise SpecError.rule(f"Image {path}", f"of file version {FILE_VERSION}", version)
    if name not in MACHINES:
        raise SpecError.rule(f"Machine of image {path}", f"one of {', '.join(MACHINES)}", repr(name))
    memories = {key.removeprefix("memory_"): array for key, array in arrays.items() if key.startswith("memory_")}
    try:
        machine = MACHINES[name].from_arrays(memories)
    except (TypeError, ValueError, IndexError, OverflowError, MemoryError) as error:  # SpecErrors go through
        raise SpecError.rule(f"Memories of image {path}", f"those of {name}", f"others ({error})") from None
    scales = {key: arrays[key] for key in _SCALES}
    for key, scale in scales.items():
        if scale.shape != (size,):
            raise SpecError.rule(f"Scale {key} of image {path}", f"of shape ({size},)", f"of shape {scale.shape}")
    return Image(machine=machine, network=network, names=names, size=size, sources=sources, dt=dt, **scales)
