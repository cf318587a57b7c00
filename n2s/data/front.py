"""What a trained decoder has to know of its training data before it can take a recording of anybody else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from n2s.errors import UserError, reading
from n2s.paths import written_whole

FILE = "front.safetensors"
KEY = "n2s_front"


@dataclass(frozen=True)
class Front:
    """Scales, sensors, people and the moments of the target, all from training data.

    A run's folder keeps it beside the weights, in one file; nothing in it is a recording.

    Parameters
    ----------
    plain
        JSON types: ``kind`` (``sensors`` or ``bold``), ``subjects``, names of sensors ...
    arrays
        By name.

    Examples
    --------
    >>> front = Front({"kind": "sensors", "sfreq": 50.0}, {"target.mean": np.zeros(3, np.float32)})
    >>> path = front.save(folder / "front.safetensors")
    >>> Front.load(path).plain["sfreq"]
    50.0
    """

    plain: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def save(self, path: Path) -> Path:
        """Write it whole, as safetensors with the plain part in its header."""
        arrays = {name: np.ascontiguousarray(one) for name, one in self.arrays.items()} or {
            "empty": np.zeros(1, np.float32)
        }
        with written_whole(path) as temporary:
            save_file(arrays, str(temporary), {KEY: json.dumps(dict(self.plain), ensure_ascii=False)})
        return path

    @classmethod
    def load(cls, path: Path) -> "Front":
        """Read it.

        Raises
        ------
        UserError
            There is none, or the file is damaged.
        """
        if not path.is_file():
            raise UserError(
                f"no {path}: nothing says how the training data were scaled. The run is of an older version, or its system does not decode new "
                "recordings. `n2s test` with the run's own config.yaml writes it, where the data are there."
            )
        with reading(path, "a whole front.safetensors", "Run n2s test again."), safe_open(path, "numpy") as file:
            plain = json.loads((file.metadata() or {})[KEY])
            return cls(plain, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 (no mapping)
