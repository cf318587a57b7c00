"""Supported claims about generated sounds, corrected for multiple tests."""

from n2s.metrics.claims import claimed


def sound_claims(scores: dict[str, dict]) -> dict[str, dict]:
    """Find the scores in which sounds are better than chance, or than exchanged ones: see `n2s.metrics.claims.claimed`.

    Each kind of identification is tested once, with the smallest N: other N repeat the same test. The PSNR would repeat the
    test of the PCC and is not tested.

    Parameters
    ----------
    scores
        The output of `n2s.evaluation.sound_scores.score_sounds`.
    """
    tested = {}
    for name, one in scores.items():
        kind, _, n_way = name.partition("@")
        if one["ahead"] is None or kind == "mel_psnr":
            continue
        others = [int(other.partition("@")[2]) for other in scores if other.startswith(f"{kind}@")]
        if not n_way or int(n_way) == min(others):
            tested[name] = one["ahead"] | {"label": one["label"]}
    return claimed(tested)


def claims_text(claims: dict[str, dict], what: str = "the sounds") -> list[str]:
    """Sentences: the scores in which ``what`` is ahead of chance or of exchanged sounds, and the others."""
    known = [one for one in claims.values() if one["p"] is not None]
    if not known:
        return [f"There are too few independent clips to test whether {what} match what was heard."]
    tests = "one test" if len(known) == 1 else f"Holm's correction for {len(known)} tests"
    text = []
    for of, other in (("chance", "chance"), ("shuffled", "the same sounds exchanged among clips")):
        ahead = [f"{one['label']} by {_by(one)}" for one in known if one["ahead"] and one["of"] == of]
        if ahead:
            text.append(f"After {tests}, {what} are ahead of {other} in {', '.join(ahead)}.")
    behind = [one["label"] for one in known if not one["ahead"]]
    if behind:
        text.append(
            f"After {tests}, {what} are not reliably ahead of chance or of the same sounds exchanged among clips in "
            f"{', '.join(behind)}."
        )
    return text


def _by(one: dict) -> str:
    scale, digits, unit = (100, 1, " points") if one["of"] == "chance" else (1, 3, "")
    mean, low, high = (
        None if one[end] is None else f"{scale * one[end]:.{digits}f}" for end in ("mean", "low", "high")
    )
    return f"{mean}{unit}" + ("" if low is None else f" (95% interval {low} to {high})")
