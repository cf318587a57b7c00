"""What editors and type checkers see of ``import n2s``: `FACE` of __init__.py, which is imported when it is asked for."""

from n2s.api.evaluate import evaluate as evaluate
from n2s.api.load import load as load
from n2s.api.trained_run import TrainedRun as TrainedRun
from n2s.api.windows import windows as windows
from n2s.api.windows import windows_of_epochs as windows_of_epochs
from n2s.cli.in_python import fit as fit
from n2s.cli.in_python import test as test

__version__: str
FACE: dict[str, str]
__all__ = ["TrainedRun", "__version__", "evaluate", "fit", "load", "test", "windows", "windows_of_epochs"]
