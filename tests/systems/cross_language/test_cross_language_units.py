"""What is resampled where only some stories are heard in a language."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from n2s.systems.cross_language.scoring import Scorer


def test_stories_are_resampled_only_if_every_language_has_enough_of_them():
    """Ten stories in es, three of them in eu, too: an interval of eu would be that of three resampled stories."""
    heard = [("es", f"tale{i}") for i in range(10)] + [("eu", f"tale{i}") for i in range(3)]
    rows = pd.DataFrame({"stimulus": [f"two/{one}.{name}" for name, one in heard], "unit": [one for _, one in heard]})
    languages = {f"two/{one}.{name}": name for name, one in heard}
    fold = SimpleNamespace(test=np.arange(len(rows)))
    scorer = Scorer.__new__(Scorer)
    scorer.data = SimpleNamespace(rows=lambda name: rows, folds=lambda name: [fold], languages=languages)
    scorer.languages = {"two/01": ["es", "eu"], "two/02": ["es"]}
    assert scorer._fewest_stories("two/01") == 3 and scorer._fewest_stories("two/02") == 10
