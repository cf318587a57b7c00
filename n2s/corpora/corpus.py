"""The port of a corpus: its clips of sound, and what is said or heard in each."""

from abc import ABC, abstractmethod
from pathlib import Path

import pandas as pd

#: Columns of `Corpus.clips`. sound: path of the file; start_s, duration_s: in that file; text: the transcript ("" for scenes);
#: label: the class of a scene ("" for speech); speaker: clips of one speaker, article or recording ("": not known), which are kept
#: on one side of a split; split: train, val or test if the corpus says so, else "".
COLUMNS = ("sound", "start_s", "duration_s", "text", "label", "speaker", "split")


class Corpus(ABC):
    """Sounds with transcripts or labels. A constructor reads no sound.

    Examples
    --------
    >>> import pandas as pd
    >>> from n2s.corpora import Corpus
    >>> class Lab(Corpus):
    ...     'One sound with its words.'
    ...
    ...     name = "lab"
    ...
    ...     def clips(self):
    ...         'See Corpus.'
    ...         row = {"sound": "a.wav", "start_s": 0.0, "duration_s": 2.0, "text": "good morning"}
    ...         return pd.DataFrame([row | {"label": "", "speaker": "1", "split": "train"}])
    >>> Lab().clips().text.tolist()
    ['good morning']
    """

    name: str
    root: Path

    #: BCP 47 tag of the transcripts; "" for scenes.
    language: str = ""

    @abstractmethod
    def clips(self) -> pd.DataFrame:
        """A table of `COLUMNS`, one row a clip, in a fixed order."""

    def settings(self) -> dict:
        """Everything beside the files that changes `clips`, as plain JSON types: part of cache keys."""
        return {}
