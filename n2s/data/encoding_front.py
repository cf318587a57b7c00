"""What whole runs of a brain leave for a recording of nobody's study (sensors, rate and delays; scales are each run's own), and their hashes."""

from n2s.data.front import Front


class EncodingFront:
    """The front and the hashes of `n2s.data.EncodingDataModule`, which this is a part of."""

    def data_hashes(self) -> dict[str, str]:
        """See `NeuralDataModule`; known once the data are set up."""
        if not self._people:
            return {}
        heard = {f"stimulus {name}": stimulus.sha256 for name, stimulus in self.stimuli.items()}
        runs = [run for person in self._people.values() for run in person.runs]
        return {f"recording {run.name}": run.prepared.meta["sha256"] for run in runs} | heard

    def front(self) -> Front:
        """See `n2s.data.datamodule.NeuralDataModule`."""
        people = {}
        for subject in self.subjects:
            what = self.measured(subject)
            delays_s = self.delays(next(iter(self.spaces)), subject)[0]
            people[subject] = {
                "columns": list(what.names) if what.kind == "sensor" else [],
                "kind": what.kind,
                "own_names": bool(what.own_names),
                "rate_hz": float(self.rate_hz[subject]),
                "delays_s": [float(delays_s.min()), float(delays_s.max())],
            }
        kind = "sensors" if all(one["kind"] == "sensor" for one in people.values()) else "bold"
        return Front(
            {
                "kind": kind,
                "subjects": list(self.subjects),
                "people": people,
                "clamp": self.clamp,
                "detrend": self.detrend,
            }
        )
