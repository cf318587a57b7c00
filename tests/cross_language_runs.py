"""`CrossLanguage` fitted and tested on `bilingual.TwoLanguages`, without the command."""

from pathlib import Path

from bilingual import TwoLanguages
from lightning.pytorch import Trainer

from n2s.data import FIR, EncodingDataModule
from n2s.features import Mel, Ready, WordRate  # noqa: F401
from n2s.systems import CrossLanguage
from n2s.systems.cross_language.result import CrossLanguageResult

QUICK = {
    "alphas": [1.0, 100.0, 10000.0],
    "n_folds": 3,
    "n_shifts": 60,
    "n_bootstrap": 100,
    "n_draws": 4,
    "n_voxels": None,
}


def data_of(
    root: Path, *, n_folds: int = 4, studies: dict | None = None, split=None, clean: bool = False, **study
) -> EncodingDataModule:
    """Ready features of the meaning, and the word rate, of one study or several."""
    studies = studies or {"two": TwoLanguages(root, **study)}
    n_features = next(iter(studies.values())).n_features
    features = {"meaning": Ready(n_features), "word_rate": WordRate()}
    return EncodingDataModule(studies, features, FIR([1, 2, 3, 4]), n_folds=n_folds, split=split, clean_features=clean)


def fitted(root: Path, data: EncodingDataModule, **model) -> tuple[CrossLanguage, Trainer]:
    """A system after its fit."""
    system = CrossLanguage(**({"features": "meaning"} | QUICK | model))
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, default_root_dir=root,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(system, datamodule=data)
    return system, trainer


def outcome(root: Path, data: EncodingDataModule, **model) -> CrossLanguageResult:
    """The result of a fit and a test."""
    system, trainer = fitted(root, data, **model)
    trainer.test(system, datamodule=data, verbose=False)
    return system.results(0)["test"]


def value(result: CrossLanguageResult, cell: str, measure: str = "r", region: str = "", space: str = "meaning", subject: str = "all subjects", column: str = "value"):  # fmt: skip
    """One number of the table of cells."""
    own = result.cells
    own = own[
        (own.cell == cell)
        & (own.measure == measure)
        & (own.region == region)
        & (own.space == space)
        & (own.subject == subject)
    ]
    assert len(own) == 1, own
    return own[column].iloc[0]
