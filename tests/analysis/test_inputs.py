"""What people type becomes the pictures they mean, each once, in an order that does not change."""

import os
import re
from pathlib import Path

import av
import pytest
from PIL import Image

from affekt.analysis.inputs import find_inputs, is_video, place_below, shown, told_of_passed_over
from affekt.errors import DataError
from affekt.faces import kinds
from affekt.faces.kinds import is_copy, kind_of_file


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("faces/b.jpg", "faces/a.PNG", "faces/deep/c.webp", "faces/notes.md", "faces/[1].jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(*given, **options):
    return find_inputs(*given, **options)[0]


def test_a_folder_stands_for_all_pictures_below_it(folder):
    found, passed_over = find_inputs(["faces"])
    assert found == ("faces/[1].jpg", "faces/a.PNG", "faces/b.jpg", "faces/deep/c.webp")
    assert passed_over == {".md": 1}


def test_files_keep_their_order_and_may_end_in_anything(folder):
    assert names(["faces/notes.md", "faces/b.jpg"]) == ("faces/notes.md", "faces/b.jpg")


def test_a_pattern_is_resolved_where_the_shell_did_not(folder):
    assert names(["faces/**/*.webp"]) == ("faces/deep/c.webp",)


def test_a_name_with_brackets_that_is_a_file_is_no_pattern(folder):
    assert names(["faces/[1].jpg"]) == ("faces/[1].jpg",)


@pytest.mark.parametrize("name", ["gone.jpg", "gone/*.jpg"])
def test_what_does_not_exist_stays_to_become_a_row(folder, name):
    assert names([name]) == (name,)


@pytest.mark.parametrize("name", ["gone", "gone/", "gone.d/", "faces/gone"])
def test_what_is_typed_like_a_folder_and_does_not_exist_is_refused(folder, name):
    with pytest.raises(DataError, match=f"expected a picture or a folder at {re.escape(name)}, got nothing there"):
        names(["faces", name])
    (folder / "list.txt").write_text(name)
    assert names(["list.txt"]) == (name,)


def test_a_list_and_standard_input_hold_a_path_a_line(folder):
    (folder / "list.txt").write_text("faces/b.jpg\n\nfaces/deep\n")
    assert names(["list.txt", "-"], ["faces/a.PNG\n", "\n"]) == (
        "faces/b.jpg",
        "faces/deep/c.webp",
        "faces/a.PNG",
    )


@pytest.mark.parametrize("line", ["b.jpg", '"faces/b.jpg"', "'b.jpg'  ", "faces/b.jpg \t"])
def test_a_path_of_a_list_may_be_quoted_or_count_from_the_lists_own_folder(folder, line):
    (folder / "faces" / "list.txt").write_text(f"{line}\n")
    assert names(["faces/list.txt"]) == ("faces/b.jpg",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_list_may_be_of_powershell(folder, encoding):
    (folder / "list.txt").write_bytes("\N{BYTE ORDER MARK}faces/b.jpg\r\nfaces/Zoë.jpg\r\n".encode(encoding))
    (folder / "faces" / "Zoë.jpg").touch()
    assert names(["list.txt"]) == ("faces/b.jpg", "faces/Zoë.jpg")


def test_a_path_of_a_list_that_is_not_found_stays_and_it_is_said_where_paths_count_from(folder):
    (folder / "faces" / "list.txt").write_text("nowhere.jpg\nb.jpg\nhttps://x.org/a.jpg\n")
    found, passed_over = find_inputs(["faces/list.txt"])
    assert found == ("nowhere.jpg", "faces/b.jpg", "https://x.org/a.jpg")
    (told,) = told_of_passed_over(passed_over)
    assert told.startswith("1 path of a list not found: they count from the folder you type in, ")


def test_a_link_that_leads_back_is_followed_once(folder):
    (folder / "faces/deep/loop").symlink_to(folder / "faces", target_is_directory=True)
    assert len(names(["faces"])) == 4


def test_a_pattern_goes_round_no_links_and_takes_each_file_once(folder):
    for name in ("faces/loop", "faces/again"):
        (folder / name).symlink_to(folder / "faces", target_is_directory=True)
    everything = ("faces/[1].jpg", "faces/a.PNG", "faces/b.jpg", "faces/deep/c.webp", "faces/notes.md")
    assert names(["faces/**"]) == everything
    assert names(["**/*.webp"]) == ("faces/deep/c.webp",)
    assert names([f"{folder}/**/deep/**/*.webp"]) == (f"{folder}/faces/deep/c.webp",)
    assert names(["**/dee?"]) == ("faces/deep/c.webp",)


def test_a_list_from_windows_comes_from_standard_input_too(folder):
    assert names(["-"], ["\ufefffaces/b.jpg\r\n", "faces/a.PNG\r\n"]) == ("faces/b.jpg", "faces/a.PNG")


def test_copies_drawn_earlier_are_no_inputs_unless_they_are_named(folder):
    (folder / "faces/marked").mkdir()
    (folder / "faces/marked/b.jpg").touch()
    copies = folder / "faces/marked"
    originals = ("faces/[1].jpg", "faces/a.PNG", "faces/b.jpg", "faces/deep/c.webp")
    assert names(["faces"], copies=[copies]) == originals
    assert names(["**/b.jpg", "-"], ["faces/marked/b.jpg\n"], copies=[copies]) == ("faces/b.jpg",)
    for named in ("faces/marked/b.jpg", "faces/marked", "faces/marked/*.jpg"):
        assert names([named], copies=[copies]) == ("faces/marked/b.jpg",)


def test_what_camcorders_write_is_found_too(folder):
    (folder / "faces/00001.MTS").touch()
    assert "faces/00001.MTS" in names(["faces"])


def test_a_broken_link_named_like_a_picture_is_kept(folder):
    (folder / "faces/z.jpg").symlink_to(folder / "nowhere.jpg")
    assert "faces/z.jpg" in names(["faces"])


def test_nothing_found_says_what_to_name(folder):
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"expected pictures, got none in the standard input \(-\); name a picture"):
        find_inputs(["-"], [])
    with pytest.raises(DataError, match=r"expected pictures, got none in empty; name a picture"):
        find_inputs(["empty"])


def test_nothing_found_says_what_was_passed_over(folder, monkeypatch):
    monkeypatch.setattr(kinds, "find_spec", lambda _: None)
    (folder / "telephone").mkdir()
    for name in ("a.HEIC", "b.heic", "c.dng", "notes.md"):
        (folder / "telephone" / name).touch()
    with pytest.raises(
        DataError,
        match=r"got none in telephone \(passed over 2 \.heic, 1 \.dng: convert them to JPEG first, or for HEIC type: "
        r'.*heic\]", passed over 1 file not named like pictures or videos\); name a picture',
    ):
        find_inputs(["telephone"])


def test_a_place_that_another_input_has_is_told_apart_by_the_whole_path():
    places = {place_below(Path("out"), name, ".svg", told_apart=True) for name in ("a/v.mp4", "../a/v.mp4")}
    assert len(places) == 2
    assert all(place.match("out/a/v.mp4~????????.svg") for place in places)
    long = place_below(Path("out"), "v" * 255, ".svg", told_apart=True)
    assert len(long.name) == 255
    assert long.name.endswith(".svg")


def test_a_list_that_is_no_text_is_refused(folder):
    (folder / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"expected a list of paths in list\.txt"):
        find_inputs(["list.txt"])


def test_a_camera_is_taken_as_it_is(folder):
    assert names(["camera:0", "faces/b.jpg"]) == ("camera:0", "faces/b.jpg")
    assert is_video("camera:0")
    assert place_below(Path("out"), "camera:0", ".svg") == Path("out/camera-0.svg")


def test_a_name_that_is_no_utf8_is_found_and_shown(folder):
    name = os.fsdecode(b"faces/caf\xe9.jpg")
    try:
        Path(name).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert name in names(["faces"])
    assert shown(name) == r"faces/caf\xe9.jpg"
    Path("list.txt").write_bytes(b"\xef\xbb\xbffaces/b.jpg\r\n" + os.fsencode(name) + b"\n")
    assert names(["list.txt"]) == ("faces/b.jpg", name)


def test_a_folder_that_may_not_be_read_stays_to_become_a_row(folder, monkeypatch):
    def locked(place, *, followlinks, onerror):
        onerror(PermissionError(13, "Permission denied", "faces/deep"))
        return iter([("faces", [], ["b.jpg"])])

    monkeypatch.setattr("os.walk", locked)
    assert names(["faces"]) == ("faces/b.jpg", "faces/deep")


@pytest.mark.parametrize("name", ["a" * 5000 + ".jpg", "nul\0.jpg"])
def test_names_that_no_file_can_have_stay_too(folder, name):
    assert names([name]) == (name,)


LITTER = (
    *(".hidden.jpg", "._a.jpg", "._clip.mp4", "clip.THM", "__MACOSX/._a.jpg", ".Trash-1000/files/a.jpg"),
    *(".thumbnails/large/a.png", "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", ".ipynb_checkpoints/a-checkpoint.jpg"),
)


def test_what_systems_leave_among_pictures_is_passed_over_and_counted(folder):
    for name in LITTER:
        (folder / "faces" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "faces" / name).touch()
    everything = ("faces/[1].jpg", "faces/a.PNG", "faces/b.jpg", "faces/deep/c.webp")
    found, passed_over = find_inputs(["faces"])
    assert found == everything
    assert told_of_passed_over(passed_over) == [
        "passed over 9 hidden, thumbnail or checkpoint files",
        "passed over 1 file not named like pictures or videos",
    ]
    assert names(["faces/**/*.jpg"]) == ("faces/[1].jpg", "faces/b.jpg")
    # Whoever names it means it.
    assert names(["faces/._a.jpg", "faces/.thumbnails"]) == ("faces/._a.jpg", "faces/.thumbnails/large/a.png")
    assert names(["faces/.thumbnails/**/*.png"]) == ("faces/.thumbnails/large/a.png",)


def test_a_path_named_again_is_taken_once_and_told(folder):
    found, passed_over = find_inputs(["faces/b.jpg", "faces", "./faces//b.jpg", "faces/deep/../b.jpg"])
    assert found == ("faces/b.jpg", "faces/[1].jpg", "faces/a.PNG", "faces/deep/c.webp")
    assert told_of_passed_over(passed_over)[0] == "read once what was named 3 times more"
    (folder / "again").symlink_to("faces")
    (folder / "link.jpg").symlink_to("faces/b.jpg")
    spellings = ["faces/b.jpg", "./faces/b.jpg", str(folder / "faces/b.jpg"), "again/b.jpg", "faces/../again/b.jpg"]
    assert names(spellings) == ("faces/b.jpg",)
    assert names(spellings[::-1]) == ("faces/../again/b.jpg",), "as it was typed first"
    assert names(["faces/b.jpg", "link.jpg", "a\0b.jpg"]) == ("faces/b.jpg", "link.jpg", "a\0b.jpg"), (
        "files of their own"
    )


BEGINNINGS = {
    b"\xff\xd8\xff\xe0\0\x10JFIF": "picture",
    b"\x89PNG\r\n\x1a\n": "picture",
    b"II*\0\x08\0\0\0": "picture",
    b"\0\0\0\x20ftypheic": "picture",
    b"\0\0\0\x20ftypisom": "video",
    b"\0\0\0\x08wide\0\0\0\0mdat": "video",
    b"\x1aE\xdf\xa3\x01": "video",
    b"YUV4MPEG2 W64 H48": "video",
    b".RMF\0\0\0\x12": "video",
    b"\xb7\xd8\0\x20\x37\x49\xda\x11": "video",
    b"\x1f\x07\0\x3f": "video",
    b"\0\0\0\0\x01\xbc\0\0": "video",
    b"\x12\0\x0a\x0b": "video",
    b"II+\0\x08\0\0\0": "picture",
    b"\0\0\x01\xb3\x14\0": "video",
    (b"G" + bytes(187)) * 6: "video",
    (bytes(4) + b"G" + bytes(187)) * 6: "video",
    b"\0\0\0\x20ftypM4A ": None,
    b"BMW and others": None,
    b"Good morning": None,
    b"": None,
}


@pytest.mark.parametrize(("beginning", "kind"), BEGINNINGS.items())
def test_content_decides_what_is_a_picture_and_what_a_video(folder, beginning, kind):
    for name in ("faces/x.jpg", "faces/x.mp4", "faces/x.LRV", "faces/x"):
        (folder / name).write_bytes(beginning)
    assert kind_of_file("faces/x") == kind
    assert is_video("faces/x.jpg") == (kind == "video")
    assert is_video("faces/x.mp4") == (kind != "picture")
    found = names(["faces"])
    assert ("faces/x.LRV" in found) == (kind == "video")
    assert ("faces/x" in found) == (kind is not None)


@pytest.mark.parametrize("comment", ["", "marked twice", "marked 0123456789abcde", "blur 0123456789abcdef0"])
def test_what_others_say_of_their_pictures_makes_no_copy_of_affekts(folder, comment):
    Image.new("RGB", (8, 8)).save("faces/b.jpg", comment=comment)
    assert not is_copy("faces/b.jpg")
    assert is_copy("gone.jpg") is False
    with av.open("faces/v.mp4", "w") as video:
        video.metadata["comment"] = comment
        stream = video.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        video.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (32, 32)))))
        video.mux(stream.encode())
    assert not is_copy("faces/v.mp4")


def test_a_stream_of_jpegs_is_told_from_one_by_its_ending(folder):
    for name in ("faces/x.jpg", "faces/x.mov", "faces/x.mjpeg"):
        (folder / name).write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
        assert is_video(name) == name.endswith(".mjpeg")


def test_addresses_stay_and_are_no_patterns(folder):
    for address in ("https://example.org/a.jpg?x=[1]", "s3://bucket/*.jpg", "rtsp://camera/1"):
        assert names([address]) == (address,)
