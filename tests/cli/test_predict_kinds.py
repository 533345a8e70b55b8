"""A folder as people have it, with every kind of file that `affekt predict` reads or refuses: a full table, twice."""

import base64
import io
import tarfile
import zipfile
import zlib

import av
import numpy as np
import polars as pl
import pytest
from av.stream import Disposition
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tests.analysis.test_video import grown
from tests.faces.test_kinds import HEIC

from affekt.cli.main import main
from affekt.faces.kinds import reads_heic

RGB = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8))


def jpeg(image=RGB, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def write_pictures(folder):
    RGB.save(folder / "photo.avif")
    RGB.save(folder / "photo.tif")
    Image.fromarray(np.full((40, 40), 40_000, np.uint16)).save(folder / "sixteen.tif")
    Image.fromarray(np.ones((40, 40), np.float32)).save(folder / "float.tif")
    (folder / "broken-off.jpg").write_bytes(jpeg()[:-200])
    (folder / "two-bytes-short.jpg").write_bytes(jpeg()[:-2])
    RGB.convert("CMYK").save(folder / "four-colours.jpg")
    RGB.quantize(16).save(folder / "moving.gif", save_all=True, append_images=[RGB.quantize(8)])
    RGB.save(folder / "telephone.mpo", save_all=True, append_images=[RGB.resize((8, 8))])
    (folder / "telephone.heic").write_bytes(HEIC)
    (folder / "new.jxl").write_bytes(b"\xff\x0a")
    (folder / "raw.dng").write_bytes(b"II*\0" + bytes(100))
    (folder / "photo").write_bytes(jpeg())
    (folder / "odd-exif.jpg").write_bytes(jpeg(exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"))
    text = PngInfo()
    text.add_text("comment", "a" * 3_000_000, zip=True)
    RGB.save(folder / "long-text.png", pnginfo=text, icc_profile=bytes(3_000_000))
    for litter in (".hidden.jpg", "._photo.jpg"):
        (folder / litter).write_bytes(jpeg())
    for litter in ("@eaDir", ".thumbnails", "__MACOSX", ".ipynb_checkpoints"):
        (folder / litter).mkdir()
        (folder / litter / "small.jpg").write_bytes(jpeg())


def write_archives(folder):
    with zipfile.ZipFile(folder / "inside.zip", "w") as archive:
        archive.writestr("deep/one.jpg", jpeg())
    with tarfile.open(folder / "inside.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("two.jpg")
        member.size = len(jpeg())
        archive.addfile(member, io.BytesIO(jpeg()))


def write_video(path, codec="mpeg4", sides=(64,), kind=None):
    """Write five frames into each stream; the last one is what players show."""
    with av.open(path, "w", format=kind) as container:
        for place, side in enumerate(sides):
            stream = container.add_stream(codec, rate=25)
            stream.width = stream.height = side
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.disposition = Disposition.default if place == len(sides) - 1 else Disposition(0)
        for stream in container.streams.video:
            picture = RGB.resize((stream.width, stream.height))
            for _ in range(5):
                container.mux(stream.encode(av.VideoFrame.from_image(picture)))
            container.mux(stream.encode())


def mirrored(content):
    """Return an MP4 whose display matrix, the second of the file, says that left is right."""
    one, bottom = 1 << 16, (0, 0, 0, 1 << 30)
    plain, wanted = (
        b"".join(number.to_bytes(4, "big", signed=True) for number in (across, 0, 0, 0, one, *bottom))
        for across in (one, -one)
    )
    place = content.index(plain, content.index(plain) + 1)
    return content[:place] + wanted + content[place + len(plain) :]


def write_videos(folder):
    write_video(folder / "two-streams.mp4", sides=(32, 64))
    write_video(folder / "no-ending", kind="matroska")
    write_video(folder / "camera.LRV", kind="mp4")
    write_video(folder / "plain.y4m", "wrapped_avframe", kind="yuv4mpegpipe")
    write_video(folder / "many.mjpeg", "mjpeg", kind="mjpeg")
    write_video(folder / "stream.m2v", "mpeg2video", kind="mpeg2video")
    write_video(folder / "whole.mp4")
    (folder / "mirrored.mp4").write_bytes(mirrored((folder / "whole.mp4").read_bytes()))
    grown(folder / "grows.m2v", *(np.full((side, side, 3), 90, np.uint8) for side in (64, 64, 128, 128)))
    (folder / "cut.mp4").write_bytes((folder / "whole.mp4").read_bytes()[:400])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "as-people-have-them"
    folder.mkdir()
    write_pictures(folder)
    write_archives(folder)
    write_videos(folder)
    return folder


def test_every_kind_gives_a_full_table_twice_the_same(folder, small_model, capsys):
    inputs = [folder, folder / "photo.avif", folder / "inside.zip", folder / "inside.tar.gz"]
    inputs += [f"data:image/jpeg;base64,{base64.b64encode(jpeg()).decode()}"]
    inputs += ["https://example.org/a.jpg", "rtsp://127.0.0.1/live", "s3://bucket/a.jpg"]
    for name in ("one.parquet", "two.parquet"):
        with pytest.raises(SystemExit) as stop:
            main(
                [
                    "predict",
                    *map(str, inputs),
                    "--model",
                    str(small_model),
                    "--faces",
                    "whole",
                    "--lenient",
                    "--out",
                    name,
                ]
            )
        assert stop.value.code == 1
    one, two = pl.read_parquet("one.parquet"), pl.read_parquet("two.parquet")
    assert one.equals(two)
    name = pl.col("input").str.replace(f"{folder}/", "", literal=True)
    seen = {key: rows["status"].to_list() for (key,), rows in one.group_by(name, maintain_order=True)}
    read = {key: statuses for key, statuses in seen.items() if set(statuses) == {"ok"}}
    assert {key: len(statuses) for key, statuses in read.items()} == {
        **dict.fromkeys(("photo.avif", "photo.tif", "sixteen.tif", "photo", "odd-exif.jpg", "long-text.png"), 1),
        "two-bytes-short.jpg": 1,
        **dict.fromkeys(("four-colours.jpg", "moving.gif", "telephone.mpo"), 1),
        **dict.fromkeys(("telephone.heic",) * reads_heic(), 1),
        **dict.fromkeys(("inside.zip/deep/one.jpg", "inside.tar.gz/two.jpg"), 1),
        **dict.fromkeys(("two-streams.mp4", "no-ending", "camera.LRV", "plain.y4m", "many.mjpeg", "stream.m2v"), 5),
        # FFmpeg gives up the last frame before a stream of MPEG-2 changes its size.
        **{"whole.mp4": 5, "mirrored.mp4": 5, "grows.m2v": 3},
        f"data:image/jpeg;base64,~{zlib.crc32(base64.b64encode(jpeg())):08x}": 1,
    }
    assert {key: [status[:38] for status in statuses] for key, statuses in seen.items() if key not in read} == {
        "broken-off.jpg": ["ok", "unreadable: breaks off before its end;"],
        "float.tif": ["unreadable: 32 bits a pixel; save it w"],
        "cut.mp4": ["unreadable: not a video, or one withou"],
        "https://example.org/a.jpg": ["unreadable: an address, which is read "],
        "rtsp://127.0.0.1/live": ["unreadable: a live stream, which affek"],
        "s3://bucket/a.jpg": ["unreadable: an address, which is read "],
    }
    assert one.filter(name == "two-streams.mp4")["width"].unique().to_list() == [64]
    told = capsys.readouterr().err
    assert "passed over 6 hidden, thumbnail or checkpoint files" in told
    assert "read once what was named 1 time more" in told
    passed_over = "1 .dng, 1 .jxl" if reads_heic() else "1 .heic, 1 .dng, 1 .jxl"
    assert f"passed over {passed_over}: convert them to JPEG first" in told
