"""What npm brought lies beside the page as its licence wants it."""

import json


def test_the_runtime_has_its_licence_beside_it(page_folder):
    text = (page_folder / "vendor" / "LICENSE.txt").read_text()
    wanted = json.loads((page_folder.parents[3] / "web" / "package.json").read_text())["dependencies"]
    assert f"onnxruntime-web {wanted['onnxruntime-web']}" in text
    assert "Copyright (c) Microsoft Corporation" in text
    assert "The above copyright notice and this permission notice shall be included in all" in text
