"""`affekt data`: import a data set into a manifest, check one, or divide one into splits."""

import importlib
from collections.abc import Callable
from dataclasses import make_dataclass

from affekt.errors import ConfigError, nearest
from affekt.terminal import decoders_silent, printable, text_table

IMPORTERS = {
    "affectnet": ("affectnet.AffectNet", "AffectNet, the 2017 csv release, the 2021 npy release, or folders"),
    "ferplus": ("ferplus.FerPlus", "FER+, ten taggers' votes on FER2013's pictures"),
    "fer2013": ("fer2013.Fer2013", "FER2013 with its own seven labels: csv, tar.gz or folders"),
    "rafdb": ("rafdb.RafDb", "RAF-DB, basic expressions"),
    "sfew": ("named.Sfew", "SFEW 2.0, frames of films in folders of expressions"),
    "ckplus": ("named.CkPlus", "CK+, sequences with emotion files, or Kaggle's folders"),
    "jaffe": ("named.Jaffe", "JAFFE, ten women, by the pictures' names"),
    "kdef": ("named.Kdef", "KDEF, 70 people in five views, by the pictures' names"),
    "expw": ("listed.ExpW", "ExpW, faces with boxes in label.lst"),
    "affwild2": ("listed.AffWild2", "Aff-Wild2, annotation files and cropped frames"),
    "diffusionfer": ("packed.DiffusionFer", "DiffusionFER, generated faces with rated valence and arousal"),
    "afewva": ("afewva.AfewVa", "AFEW-VA, clips with valence and arousal per frame"),
    "huggingface": ("packed.HuggingFace", "parquet of the Hugging Face Hub, with pictures and labels"),
    "webdataset": ("packed.WebDataset", "tars of samples, as 0001.jpg with 0001.cls or 0001.json"),
    "folder": ("own.Folder", "one folder per expression, by a map from names to labels"),
    "csv": ("own.Csv", "any csv, by the names of its columns"),
}
"""Name on the command line, class in `affekt.data.importers`, and one line of help."""

HELP = """\
usage: affekt data {import,check,split} ...

  import  turn a data set on disk into a manifest: affekt data import NAME ... --out manifest.parquet
  check   report counts, bad labels, unreadable pictures and leaks: affekt data check manifest.parquet
  split   divide the rows into train, val and test, people kept together: affekt data split manifest.parquet --out ...

Each explains itself: affekt data import --help"""

IMPORT_HELP = f"""\
usage: affekt data import NAME ... [--out manifest.parquet] [--faces yunet] [--jobs N]

{text_table([(f"  {name}", line) for name, (_, line) in IMPORTERS.items()], left=2)}

Pictures are opened once and read in place afterwards; a stopped import continues with the same command.
Each explains itself: affekt data import ferplus --help"""


def main(arguments: list[str]) -> None:
    """Run `affekt data`."""
    verb, *rest = arguments or ["--help"]
    verbs = {"import": import_data, "check": _of_manifests("check"), "split": _of_manifests("split")}
    if verb in ("-h", "--help"):
        print(HELP)
    elif verb in verbs:
        with decoders_silent():
            verbs[verb](rest)
    else:
        near = nearest(verb.lower(), verbs, "--help")
        raise ConfigError(f"expected import, check or split after affekt data, got {verb!r}; type: affekt data {near}")


def _of_manifests(verb: str) -> Callable[[list[str]], None]:
    return lambda arguments: getattr(importlib.import_module("affekt.cli.manifests"), verb)(arguments)


def import_data(arguments: list[str]) -> None:
    """Run `affekt data import`, which prints what came of it."""
    name, *rest = arguments or ["--help"]
    if name in ("-h", "--help"):
        print(IMPORT_HELP)
        return
    if name not in IMPORTERS:
        raise ConfigError(
            f"expected a data set among {', '.join(IMPORTERS)}, got {name!r}; "
            f"type: affekt data import {nearest(name.lower(), IMPORTERS, '--help')}"
        )
    from affekt.cli.arguments import parsed
    from affekt.data.importers.engine import ImportOptions, import_dataset

    importer = importer_class(name)
    # One command line with the importer's own options and those of every import.
    command = make_dataclass(importer.__name__, [], bases=(ImportOptions, importer), frozen=True, kw_only=True)
    options = parsed(command, rest, f"affekt data import {name}", description=IMPORTERS[name][1])
    print(printable(import_dataset(options, options).text(), lines=True))


def importer_class(name: str) -> type:
    """Return the importer of a name, the only one that is loaded."""
    module, class_name = IMPORTERS[name][0].split(".")
    return getattr(importlib.import_module(f"affekt.data.importers.{module}"), class_name)
