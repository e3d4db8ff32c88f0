#!/usr/bin/env python3
"""seeds.py FOLDER: what tests/fuzz/fuzz_codec begins with, from tests/golden/wire_vectors.txt."""
import re
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[2]
shapes = re.findall(r"X\((\w+), \w+\)", (root / "include/wire/codec.h").read_text())
folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
text = (root / "tests/golden/wire_vectors.txt").read_text()
for index, block in enumerate(text.split("\n\n")):
    fields = dict(line.split(" ", 1) for line in block.split("\n") if " " in line)
    shape = re.sub("(?<=.)(?=[A-Z])", "_", fields.get("shape", "")).upper()
    if block.startswith("[encoding]"):
        (folder / str(index)).write_bytes(bytes([shapes.index(shape)]) +
                                          bytes.fromhex(fields["bytes"]))
    elif block.startswith("[signed]"):
        (folder / str(index)).write_bytes(bytes([len(shapes)]) + bytes.fromhex(fields["bytes"]))
        if "file" in fields:
            (folder / f"{index}-file").write_bytes(b"\xff" + bytes.fromhex(fields["file"]))
