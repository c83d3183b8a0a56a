"""The inside of a cage: opens one dataset and sends what the loader asks for."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, BinaryIO, cast

from loader.cage.walls import Limits, raise_walls
from loader.cage.wire import parse_dataset, receive, send, send_archive, send_error, send_layer
from loader.chunks import LayerRef
from loader.errors import CannotRead, DatasetError
from loader.read.archives import read_archive
from loader.read.files import has_log
from loader.read.open import find_layers, open_layer


def serve(loader: socket.socket, message: Mapping[str, Any]) -> None:
    """Serve until the loader hangs up."""
    dataset = parse_dataset(message)
    scratch = dataset.main.parent if has_log(dataset) else None  # it was copied there, see under_plain_name
    walls = raise_walls({dataset.main, *dataset.files}, Limits(**message["limits"]), scratch)
    with cast("BinaryIO", loader.makefile("rwb")) as file:
        send(file, {"walls": walls})
        while True:
            try:
                request = receive(file)
            except EOFError:
                return
            try:
                if "archive" in request:
                    send_archive(file, read_archive(dataset))
                elif "layer" in request:
                    with open_layer(dataset, LayerRef(**request["layer"])) as layer:
                        send_layer(file, layer)
                else:
                    send(file, {"layers": [asdict(ref) for ref in find_layers(dataset)]})
            except DatasetError as error:
                send_error(file, error)
            except MemoryError:
                send_error(file, CannotRead(f"{dataset.path} needs more memory than reading may take"))
            except BrokenPipeError:
                os._exit(0)
