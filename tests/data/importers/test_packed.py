"""Packed pictures, on small generated copies: Hugging Face's parquet, WebDataset's tars, DiffusionFER's tar."""

import io
import json
import tarfile

import numpy as np
import polars as pl
import pytest

from affekt.data.importers import engine
from affekt.data.importers.engine import ImportOptions, import_dataset
from affekt.data.importers.packed import DiffusionFer, HuggingFace, WebDataset
from affekt.data.manifest import encode_png, to_manifest
from affekt.errors import ConfigError, DataError


def picture(seed=0):
    return encode_png(np.random.default_rng(seed).integers(0, 255, (32, 32, 3), np.uint8))


def parquet(path, labels, names=("angry", "happy", "neutral"), **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": picture(number), "path": "image.png"} for number in range(len(labels))]
    frame = pl.DataFrame({"image": images, "label": labels, **columns})
    feature = {"names": list(names), "_type": "ClassLabel"}
    told = {"huggingface": json.dumps({"info": {"features": {"label": feature}}})} if names else None
    frame.write_parquet(path, metadata=told)
    return path


def test_the_numbers_of_a_hub_set_have_the_names_that_the_file_says(tmp_path):
    parquet(tmp_path / "data" / "train-00000-of-00002.parquet", [2, 0, -1])
    parquet(tmp_path / "data" / "validation-00000-of-00001.parquet", [1])
    report = import_dataset(HuggingFace(root=tmp_path), ImportOptions(out=tmp_path / "faces.parquet", jobs=1))
    assert report.manifest.select("split", "emotion").rows() == [
        ("train", "neutral"),
        ("train", "anger"),
        ("val", "happiness"),
    ]
    assert report.manifest["source_id"][0] == "train/train-00000-of-00002-000000-image.png", "all are named image.png"
    assert report.listing.dropped == {"no label": 1}
    assert report.manifest["source"].unique().to_list() == [tmp_path.name]


def test_numbers_without_names_are_not_guessed(tmp_path):
    path = parquet(tmp_path / "train.parquet", [1, 2], names=())
    with pytest.raises(DataError, match="--map 1="):
        HuggingFace(root=path).list_rows()
    rows = HuggingFace(root=path, map=("1=surprise", "2=skip")).list_rows().rows
    assert rows["emotion"].to_list() == ["surprise"]


def test_a_map_goes_before_the_files_own_names(tmp_path):
    path = parquet(tmp_path / "train.parquet", [0, 1, 2], names=("wut", "happy", "x"))
    rows = HuggingFace(root=path, map=("wut=anger", "2=fear")).list_rows().rows
    assert rows["emotion"].to_list() == ["anger", "happiness", "fear"]


def test_names_as_text_bytes_alone_and_ratings(tmp_path):
    frame = pl.DataFrame(
        {"picture": [picture(), picture(1)], "emotion": ["Sad", None], "valence": [-0.5, 0.25], "arousal": [0.0, 0.5]}
    )
    frame.write_parquet(tmp_path / "test.parquet")
    listing = HuggingFace(root=tmp_path / "test.parquet", image_column="picture").list_rows()
    rows = to_manifest(listing.rows)
    assert rows.select("emotion", "valence", "split").rows() == [("sadness", -0.5, "test"), (None, 0.25, "test")]
    assert set(rows["valence_arousal_origin"]) == {"rated"}


def test_folders_of_the_hubs_own_conversion_name_the_split(tmp_path):
    parquet(tmp_path / "default" / "partial-train" / "0000.parquet", [0])
    parquet(tmp_path / "default" / "test" / "0000.parquet", [1])
    assert HuggingFace(root=tmp_path).list_rows().rows["split"].to_list() == ["train", "test"]


def test_a_row_without_bytes_is_counted(tmp_path):
    frame = pl.DataFrame(
        {"image": [{"bytes": picture(), "path": "a.png"}, {"bytes": None, "path": "b.png"}], "label": ["sad", "sad"]}
    )
    frame.write_parquet(tmp_path / "train.parquet")
    listing = HuggingFace(root=tmp_path).list_rows()
    assert (len(listing.rows), listing.dropped) == (1, {"no picture in the row": 1})


def test_a_clone_without_its_files_says_git_lfs_pull(tmp_path):
    (tmp_path / "train.parquet").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    with pytest.raises(DataError, match="got a pointer to it; type: git lfs pull"):
        HuggingFace(root=tmp_path).list_rows()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"nonsense", "expected a parquet of pictures and labels"), (None, r"expected \.parquet files")],
)
def test_no_parquet_is_one_sentence(tmp_path, content, sentence):
    if content:
        (tmp_path / "train.parquet").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        HuggingFace(root=tmp_path).list_rows()


def test_other_columns_are_named(tmp_path):
    path = parquet(tmp_path / "train.parquet", [0])
    with pytest.raises(DataError, match=r"got image, label; name them with .*--image-column"):
        HuggingFace(root=path, image_column="img").list_rows()


def test_other_labels_in_another_file_are_not_mixed(tmp_path):
    parquet(tmp_path / "train.parquet", [0])
    parquet(tmp_path / "test.parquet", [0], names=("happy", "angry"))
    with pytest.raises(DataError, match="the same labels in all files"):
        HuggingFace(root=tmp_path).list_rows()


def tar(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_files_of_one_name_are_one_sample(tmp_path):
    shard = tar(
        tmp_path / "train-000000.tar",
        [
            *(("./0001.jpg", picture(1)), ("./0001.cls", b"1\n")),
            *(("./0002.cls", b"0"), ("./0002.seg.png", picture(2)), ("./0002.json", b'{"label": 1, "valence": 0.5}')),
            *(("./0003.cls", b"0"), ("./._0003.jpg", b"x")),
        ],
    )
    (tmp_path / "classnames.txt").write_text("angry\nhappy\n")
    listing = WebDataset(root=tmp_path).list_rows()
    rows = to_manifest(listing.rows)
    assert rows.select("source_id", "emotion", "valence").rows() == [
        ("train/train-000000/0001", "happiness", None),
        ("train/train-000000/0002", "anger", 0.5),
    ]
    assert listing.dropped == {"sample without a picture": 1}
    alone = WebDataset(root=shard, label_field="label", map=("1=fear",)).list_rows().rows
    assert alone["emotion"].to_list() == ["fear"], "the json's label where it is asked for; the first has none"


def test_equal_names_in_two_shards_are_two_samples(tmp_path):
    for name in ("train/0.tar", "train/1.tar", "test/0.tar"):
        tar(tmp_path / name, [("0001.webp", picture()), ("0001.json", b'{"emotion": "sad"}')])
    rows = to_manifest(WebDataset(root=tmp_path).list_rows().rows)
    assert sorted(rows["source_id"]) == ["test/0/0001", "train/0/0001", "train/1/0001"]


def test_a_torn_shard_and_a_json_that_is_none_are_one_sentence(tmp_path):
    path = tar(tmp_path / "train.tar", [("1.jpg", picture()), ("1.json", b"[1]")])
    with pytest.raises(DataError, match=r"expected a json of fields, .* in 1 of"):
        WebDataset(root=path).list_rows()
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match="expected a whole tar"):
        WebDataset(root=path).list_rows()


def shards(folder):
    """Write two shards of training and one of validation, of two pictures each, whose numbers a file names."""
    for number, name in enumerate(("train-0", "train-1", "val-0")):
        one, two = 2 * number, 2 * number + 1
        files = [("1.png", picture(one)), ("1.cls", b"0"), ("2.png", picture(two)), ("2.cls", b"1")]
        tar(folder / f"{name}.tar", files)
    (folder / "classnames.txt").write_text("sad\nhappy\n")
    return folder


def test_pictures_that_stay_in_the_shards_have_the_same_rows_and_hashes(tmp_path):
    set_of = shards(tmp_path / "mine")
    packed, in_place = (
        import_dataset(
            WebDataset(root=set_of, in_place=stay), ImportOptions(out=tmp_path / "x.parquet", jobs=1)
        ).manifest
        for stay in (False, True)
    )
    assert packed.drop("image", "path").equals(in_place.drop("image", "path"))
    assert in_place["image"].null_count() == 6
    assert in_place["path"][3] == f"{set_of}/train-1.tar/2.png"
    assert in_place["emotion"].to_list() == ["sadness", "happiness"] * 3


def test_an_import_that_was_stopped_goes_on_with_the_next_shard(tmp_path, monkeypatch):
    given = WebDataset(root=shards(tmp_path / "mine"), in_place=True), ImportOptions(out=tmp_path / "x.parquet", jobs=1)
    whole = import_dataset(*given).manifest
    opened, original = [], engine.open_pictures

    def stopped(sources, boxes):
        if len(opened) == 1:
            raise KeyboardInterrupt
        opened.append(sources)
        return original(sources, boxes)

    monkeypatch.setattr(engine, "open_pictures", stopped)
    with pytest.raises(KeyboardInterrupt, match="2 of 6 pictures opened"):
        import_dataset(*given)
    monkeypatch.setattr(engine, "open_pictures", original)
    report = import_dataset(*given)
    assert report.resumed == 2
    assert report.manifest.equals(whole)


@pytest.mark.parametrize("root", ["s3://bucket/mine", "s3://bucket/mine/*.tar", "s3://bucket/mine/[tv]*-[0-9].tar"])
def test_shards_of_a_bucket_are_those_of_the_disk(tmp_path, s3, root):
    s3.put(str(shards(tmp_path / "mine")), "bucket/mine", recursive=True)
    there, here = (
        import_dataset(WebDataset(root=place, in_place=True), ImportOptions(out=tmp_path / name, jobs=1)).manifest
        for place, name in ((root, "there.parquet"), (tmp_path / "mine", "here.parquet"))
    )
    assert there["path"][0] == "s3://bucket/mine/train-0.tar/1.png"
    assert there.drop("path").equals(here.drop("path"))
    one = WebDataset(root="s3://bucket/mine/val-0.tar").list_rows().rows
    assert one.select("split", "emotion", "source").rows() == [("val", "sadness", "mine"), ("val", "happiness", "mine")]


def test_an_address_that_opens_nothing_ends_in_one_sentence(s3):
    with pytest.raises(DataError, match="expected tar files of a WebDataset at s3://bucket/none, got none; check"):
        WebDataset(root="s3://bucket/none").list_rows()
    with pytest.raises(
        ConfigError, match=r"without a key or question mark, which the manifest would keep, got https://host/a\.tar\?~"
    ):
        WebDataset(root="https://host/a.tar?signature=secret", in_place=True).list_rows()
    with pytest.raises(ConfigError, match="expected an address that can be read, got one that begins with nowhere://"):
        WebDataset(root="nowhere://host/a.tar").list_rows()


DIFFUSIONFER = (
    b"image,expression,valence,arousal\nangry/a_0.jpg,1,0.6,0.2\nangry/b_0.jpg,6,-0.4,0.5\nangry/c_0.jpg,0,0,0\n"
)


def test_the_folders_of_diffusionfer_are_prompts_and_not_labels(tmp_path):
    files = [("labels.csv", DIFFUSIONFER), ("angry/a_0.jpg", picture(1)), ("angry/b_0.jpg", picture(2))]
    packed = tar(tmp_path / "diffusionfer.tar", [(f"diffusionfer/{name}", content) for name, content in files])
    for name, content in files:
        (tmp_path / "unpacked" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "unpacked" / name).write_bytes(content)
    for place in (packed, tmp_path / "unpacked"):
        listing = DiffusionFer(root=place).list_rows()
        rows = to_manifest(listing.rows)
        assert rows["emotion"].to_list() == ["happiness", "anger"]
        assert rows["valence"].to_list() == pytest.approx([0.6, -0.4])
        assert listing.dropped == {"picture is not there": 1}
    manifests = [
        import_dataset(DiffusionFer(root=place), ImportOptions(out=tmp_path / f"{place.stem}.parquet", jobs=1)).manifest
        for place in (packed, tmp_path / "unpacked")
    ]
    assert manifests[0]["pixel_sha256"].equals(manifests[1]["pixel_sha256"])


def test_another_tar_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"expected labels\.csv .* got no such table; give diffusionfer\.tar"):
        DiffusionFer(root=tar(tmp_path / "a.tar", [("a/b.jpg", b"")])).list_rows()
