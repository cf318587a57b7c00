"""torch.compile for the networks of a recipe, as an option of its Trainer."""

from lightning.pytorch import Callback, LightningModule, Trainer

from n2s.errors import UserError, nearest


class Compile(Callback):
    """Compile networks at the start of a fit: ``--trainer.callbacks+ n2s.training.Compile``. The first steps take longer.

    The names of weights stay as they are, so checkpoints fit runs without it. On a GPU it joins normalisation,
    activations and gates into few kernels. Numbers differ slightly, because sums have another order.

    Parameters
    ----------
    networks
        Names within the model; by default those of the system's ``compiles`` that it has.
    dynamic
        Compile once for all batch sizes; None: for the first size, and for all sizes when another one comes.

    Examples
    --------
    >>> from lightning.pytorch import Trainer
    >>> from n2s.training import Compile
    >>> compiled = Compile(networks=["encoder"])
    >>> trainer = Trainer(callbacks=[compiled], accelerator="cpu", logger=False, enable_checkpointing=False)
    >>> compiled in trainer.callbacks
    True
    """

    def __init__(self, networks: list[str] | None = None, dynamic: bool | None = None):
        self.networks, self.dynamic = networks, dynamic

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning: the networks are on their device."""
        known, default = dict(pl_module.named_modules()), getattr(pl_module, "compiles", ())
        for name in [one for one in default if one in known] if self.networks is None else self.networks:
            if name not in known:
                raise UserError(
                    f"Compile: {type(pl_module).__name__} has no network '{name}'.{nearest(name, list(known), 5)}"
                )
            known[name].compile(dynamic=self.dynamic)
