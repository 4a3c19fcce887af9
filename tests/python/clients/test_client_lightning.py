# SPDX-License-Identifier: Apache-2.0
"""Lightning: fit, mixed precision, checkpoints."""

import pytest
from only_for_clients import small_model, tokens_of

import lightning  # isort: skip
import torch  # isort: skip
import lior.torch as lt  # isort: skip


class Task(lightning.LightningModule):
    def __init__(self, optimizer="adamw"):
        super().__init__()
        self.model, self.optimizer, self.losses = small_model(), optimizer, []
        self.example_input_array = tokens_of()

    def forward(self, tokens):
        return self.model(tokens)

    def training_step(self, batch, index):
        scores = self(batch[:, :-1])
        loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), batch[:, 1:].flatten())
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self):
        if self.optimizer == "lior":
            optimizer = lt.LIoROptimizer(self.parameters(), lr=0.3, weight_decay=1e-3)
        else:
            optimizer = torch.optim.AdamW(self.parameters(), lr=1e-2)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)]


def trainer(folder, **options):
    return lightning.Trainer(
        accelerator="cpu",
        max_steps=40,
        logger=False,
        enable_progress_bar=False,
        default_root_dir=folder,
        gradient_clip_val=1.0,
        **options,
    )


def loader():
    return torch.utils.data.DataLoader(tokens_of(256, 12), batch_size=16)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true", "64-true"])
@pytest.mark.parametrize("optimizer", ["adamw", "lior"])
def test_fit(tmp_path, precision, optimizer):
    task = Task(optimizer)
    trainer(tmp_path, precision=precision).fit(task, loader())
    assert task.losses[-1] < (0.8 if optimizer == "adamw" else 0.97) * task.losses[0]


def test_checkpoints_are_gone_on_from(tmp_path):
    whole = trainer(tmp_path)
    task = Task("lior")
    whole.fit(task, loader())
    path = tmp_path / "last.ckpt"
    whole.save_checkpoint(path)
    again = Task.load_from_checkpoint(path, weights_only=False)
    tokens = tokens_of()
    assert torch.equal(again.model(tokens), task.model(tokens))
