"""Words per second of the story search: by increments (n2s), by the quadratic form over volumes, and directly over voxels.

python benchmarks/story_search.py                                       # 10,000 voxels, 4 delays x 768 features, width 200; minutes
python benchmarks/story_search.py --voxels 2000 --features 64 --words 20
python benchmarks/story_search.py --who n2s --words 60

All three search with the same language model, responses and word times, each in its own process. ``quadratic``: all candidates in one batch,
weights and precision in one matrix (features x features). ``direct``: hypothesis by hypothesis, the residuals of every voxel and their
precision (voxels x voxels), as Tang et al. 2023 write it. The limit of n2s is the product of its candidates with one matrix of features x features.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from types import SimpleNamespace

WHO = ("n2s", "quadratic", "direct")
STEP_S, N_ROWS, RATE_HZ = 2.0, 150, 2.5  # volumes of 2 s, five minutes, words a second


def measure(who: str, n_voxels: int, n_features: int, width: int, n_words: int, first: int, threads: int) -> None:
    """Search the first words of a story; print seconds, words, candidates a word, GB of memory at most, and the text's hash."""
    import zlib

    import numpy as np
    import torch

    from n2s.data import FIR
    from n2s.features.story_words.port import StoryLanguageModel
    from n2s.systems.story_text.evidence import BrainEvidence, EncodingModel, Placed
    from n2s.systems.story_text.search import Search, SearchOptions
    from n2s.systems.story_text.word_features import WordFeatures

    torch.set_num_threads(threads)
    rng = np.random.default_rng(0)

    class Table(StoryLanguageModel):
        """Of 2,000 words: about 20 may follow each; features of the last two words. It costs nothing: what is measured is the search."""

        context_words, language = 1, "en"
        vocabulary = tuple(f"w{number}" for number in range(2000))
        _follow = np.full((2001, 2000), -20.0)
        for _row in _follow:
            _row[rng.choice(2000, 40, replace=False)] = rng.normal(size=40)
        _own, _before = (torch.from_numpy(rng.normal(size=(2001, n_features))).float() for _ in range(2))
        _place = {word: number for number, word in enumerate(vocabulary)}

        @property
        def n_features(self):
            return n_features

        def states(self, contexts):
            own = torch.tensor([self._place[one[-1]] for one in contexts])
            before = torch.tensor([self._place[one[-2]] if len(one) > 1 else 2000 for one in contexts])
            return self._own[own] + 0.3 * self._before[before]

        def next_words(self, contexts):
            last = [self._place[one[-1]] if one else 2000 for one in contexts]
            return torch.from_numpy(self._follow[last]).float().log_softmax(1)

        learn = state = load = settings = told = None

    class Quadratic(BrainEvidence):
        """Log-likelihoods of whole candidates over the volumes that the word reaches."""

        def __init__(self, model, placed, responses):
            super().__init__(model, placed, responses)
            self.model, self.placed = model, placed
            self.match = (responses - model.intercept) @ model.to_features.T
            self.responses = responses

        def rows(self, word, history, parent, features):
            """(n, r, k f) features of the affected volumes for each candidate, and which volumes."""
            placed, low = self.placed, self.placed.low
            first, stop = max(low[word], 0), min(low[word] + placed.weights.shape[1], placed.n_rows)
            values = self.mean_word.repeat(len(low), 1)
            n = min(word, history.shape[1])
            values[word - n : word] = history[parent, history.shape[1] - n :]
            near = slice(max(0, word - self.n_before), np.searchsorted(low, low[word] + placed.weights.shape[1]))
            own = Placed(low[near], placed.weights[near], placed.n_rows)
            x = own.rows(values[near])[first:stop]
            weights = torch.from_numpy(placed.weights[word][first - low[word] : stop - low[word]])
            change = weights[None, :, :, None] * (features - self.mean_word)[:, None, None]
            return x.flatten(1), (x + change).flatten(2), slice(first, stop)

        def likelihood(self, x, rows):
            bend = torch.einsum("nrd,nrd->n", x @ self.model.curvature, x)
            return torch.einsum("nrd,rd->n", x, self.match[0, rows]).double() - 0.5 * bend.double()

        def gains(self, word, history, parents, log_probability, sequences, features):
            found = torch.empty(len(parents), dtype=torch.float64)
            batch, places, base = [], [], []
            for parent in parents.unique().tolist():
                own = (parents == parent).nonzero()[:, 0]
                x, changed, rows = self.rows(word, history, parent, features[own])
                batch.append(changed)
                places.append(own)
                base.append(self.likelihood(x[None], rows).expand(len(own)))
            found[torch.cat(places)] = self.likelihood(torch.cat(batch), rows) - torch.cat(base)
            return found

    class Direct(Quadratic):
        """The same from residuals of all voxels, hypothesis by hypothesis."""

        def likelihood(self, x, rows):
            away = self.responses[0, rows] - self.model.intercept - x @ self.model.weights
            return -0.5 * torch.einsum("nrv,nrv->n", away @ precision, away).double()

        def gains(self, word, history, parents, log_probability, sequences, features):
            found = torch.empty(len(parents), dtype=torch.float64)
            for parent in parents.unique().tolist():
                own = (parents == parent).nonzero()[:, 0]
                x, changed, rows = self.rows(word, history, parent, features[own])
                found[own] = self.likelihood(changed, rows) - self.likelihood(x[None], rows)
            return found

    language, response = Table(), FIR()
    d = 4 * n_features
    weights = torch.from_numpy(rng.normal(size=(d, n_voxels), scale=d**-0.5)).float()
    # a precision that is cheap to make: of noise with few common sources
    shared = torch.from_numpy(rng.normal(size=(n_voxels, 20), scale=0.2)).float()
    inner = torch.linalg.inv(torch.eye(20) + shared.T @ shared)
    to_features = weights - (weights @ shared) @ inner @ shared.T
    times_s = np.cumsum(rng.gamma(4, 1 / (4 * RATE_HZ), int(N_ROWS * STEP_S * RATE_HZ * 0.98)))
    times_s = times_s[times_s < N_ROWS * STEP_S - 1]
    mean = (language._own[:2000] + 0.3 * language._before[:2000]).mean(0)
    model = EncodingModel(weights, torch.zeros(n_voxels), to_features, to_features @ weights.T, mean)
    placed = Placed.of(response, times_s, 0.0, N_ROWS, STEP_S)
    true = torch.from_numpy(rng.integers(0, 2000, len(times_s)))
    signal = placed.rows(language._own[true]).flatten(1) @ weights
    responses = (signal + 2 * torch.from_numpy(rng.normal(size=signal.shape)).float())[None]
    if who == "direct":
        precision = torch.eye(n_voxels) - shared @ inner @ shared.T
    kinds = {"n2s": BrainEvidence, "quadratic": Quadratic, "direct": Direct}
    evidence = kinds[who](model, placed, responses)
    rules = SimpleNamespace(stem=lambda word: word, stop_words=frozenset(), starts=language.vocabulary[:6])
    search = Search(language, rules, SearchOptions(width=width), WordFeatures(language))
    seen = {"at": time.perf_counter()}
    counted = [0]
    gains = evidence.gains

    def counting(word, history, parents, *rest):
        counted[0] += len(parents)
        return gains(word, history, parents, *rest)

    evidence.gains = counting

    def each(beam):
        if len(beam.words) == first:  # the beam is full by then
            seen["at"], counted[0] = time.perf_counter(), 0

    text = search.run(times_s[: first + n_words], evidence, each=each)[0]
    spent = time.perf_counter() - seen["at"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(spent, n_words, counted[0] / n_words, peak, zlib.crc32(" ".join(text).encode()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voxels", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=768)
    parser.add_argument("--width", type=int, default=200)
    parser.add_argument("--words", type=int, default=2, help="that are timed, after the first ones")
    parser.add_argument("--first", type=int, default=8, help="words before, in which the beam fills up; not timed")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--who", nargs="+", default=list(WHO), choices=WHO)
    parser.add_argument("--measure")
    options = parser.parse_args()
    numbers = [options.voxels, options.features, options.width, options.words, options.first, options.threads]
    if options.measure:
        measure(options.measure, *numbers)
        return
    print(
        f"{options.voxels} voxels, 4 delays x {options.features} features, width {options.width}, {options.threads} threads; "
        f"{options.words} words after the first {options.first}"
    )
    print(f"{'':10} {'words/s':>9} {'s a word':>9} {'candidates':>11} {'GB peak':>8}  text")
    env = os.environ | dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(options.threads)
    )
    for who in options.who:
        names = ("voxels", "features", "width", "words", "first", "threads")
        given = [part for name, value in zip(names, numbers, strict=True) for part in (f"--{name}", str(value))]
        line = [sys.executable, "-W", "ignore", __file__, "--measure", who, *given]
        done = subprocess.run(line, env=env, capture_output=True, text=True)
        if done.returncode:
            print(f"{who:10} failed: {done.stderr.strip().splitlines()[-1]}")
            continue
        spent, n, candidates, peak, text = map(float, done.stdout.split())
        print(f"{who:10} {n / spent:9.3f} {spent / n:9.3f} {candidates:11.0f} {peak:8.2f}  {int(text):08x}", flush=True)


if __name__ == "__main__":
    main()
