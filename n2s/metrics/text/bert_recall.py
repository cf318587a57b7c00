"""BERTScore recall of many pairs of texts, from vectors of their tokens."""

import torch


def bert_recall(
    found: torch.Tensor, true: torch.Tensor, weight: torch.Tensor, found_there: torch.Tensor
) -> torch.Tensor:
    """(n,) Mean over true tokens of the highest cosine with a decoded token, weighted by how rare the true token is.

    No baseline is subtracted. 0 where nothing was decoded, NaN where no true token has a weight.

    Parameters
    ----------
    found, true
        (n, s, f), (n, t, f) Vectors of length 1, padded.
    weight
        (n, t) Inverse document frequency of the true tokens; 0 where there is no token.
    found_there
        (n, s) Which decoded tokens exist.

    References
    ----------
    Zhang et al. 2020, ICLR, equations 1 and 3 (recall, with idf).
    """
    cosine = true @ found.transpose(1, 2)
    cosine = cosine.masked_fill(~found_there[:, None], -torch.inf)
    best = cosine.amax(2) if cosine.shape[2] else cosine.new_full(cosine.shape[:2], -torch.inf)
    best = torch.where(torch.isfinite(best), best, 0)
    return (best * weight).sum(1) / weight.sum(1)  # 0 / 0: NaN
