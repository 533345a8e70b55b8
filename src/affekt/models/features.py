"""The feature vector of a face: an output added to a network when it is opened, by the rules of the file's format.

An ONNX file is a message of protocol buffers (https://protobuf.dev/programming-guides/encoding). Where a message is
written in several parts, one behind the other, readers join them: a list is continued. So a few bytes behind the file
add an output to its graph, and neither the file nor the library that writes such files is needed for that.
"""

from collections.abc import Iterator

from affekt.errors import ModelError

HEADS = ".heads."
"""In the names of the weights of the layers that read the feature vector."""
GRAPH_OF_MODEL, NODE_OF_GRAPH, OUTPUT_OF_GRAPH, INPUT_OF_NODE, NAME_OF_VALUE = 7, 1, 12, 1, 1
"""Numbers of fields, as onnx.proto has them."""
VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
"""How a field is written: the wire types."""


def with_features(network: bytes, where: object) -> tuple[bytes, str]:
    """Return an ONNX network that tells its feature vector as well, and the name of that output.

    It is what the first dense layer behind the backbone reads: the backbone's features, averaged over the picture. The
    other answers stay as they are. Raises ModelError, which names the file `where`, for a network without affekt's
    heads.
    """
    for graph in _parts(network, GRAPH_OF_MODEL):
        for node in _parts(graph, NODE_OF_GRAPH):
            inputs = [bytes(name).decode(errors="replace") for name in _parts(node, INPUT_OF_NODE)]
            if any(HEADS in name and name.endswith(".weight") for name in inputs[1:]):
                output = _message(OUTPUT_OF_GRAPH, _message(NAME_OF_VALUE, inputs[0].encode()))
                return network + _message(GRAPH_OF_MODEL, output), inputs[0]
    raise ModelError(
        f"expected a network with affekt's heads for features, got {where} without; leave out --features, "
        "features=True in Python"
    )


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | LENGTH) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first; all but the last have the eighth bit set."""
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def _parts(message: bytes | memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield what a field of a message holds, each time it is there; the field is text or a message itself."""
    view, place = memoryview(message), 0
    while place < len(view):
        key, place = _number(view, place)
        length = {EIGHT_BYTES: 8, FOUR_BYTES: 4}.get(key & 7, 0)
        if key & 7 == VARINT:
            _, place = _number(view, place)
        elif key & 7 == LENGTH:
            length, place = _number(view, place)
            if key >> 3 == wanted:
                yield view[place : place + length]
        place += length


def _number(view: memoryview, place: int) -> tuple[int, int]:
    """Read a number as `_varint` writes it; return it, and the place behind it."""
    number = shift = 0
    while True:
        byte = view[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place
