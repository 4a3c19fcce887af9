# SPDX-License-Identifier: Apache-2.0
"""Mamba and Mamba-2 (Gu and Dao, arXiv:2312.00752; Dao and Gu, arXiv:2405.21060), token by token in torch: what
llama.cpp computes for its architectures `mamba` and `mamba2`, and the GGUF settings and tensors of one."""

import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-5


class Gain(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, EPSILON)


class Mamba2Layer(nn.Module):
    """x + a state h [H, P, S] of H heads: h = a h + dt v b^T, y = h c + D v. It begins at 0 with `start`."""

    def __init__(self, width, size=32, channels=32, taps=4):
        super().__init__()
        self.inner, self.size, self.heads = 2 * width, size, 2 * width // channels
        wide = self.inner + 2 * size  # v, b and c, which pass the convolution together
        self.norm = Gain(width)
        self.into = nn.Linear(width, self.inner + wide + self.heads, bias=False)
        self.convolution = nn.Conv1d(wide, wide, taps, groups=wide)
        self.time_bias = nn.Parameter(torch.empty(self.heads).uniform_(-5, -2))
        self.rate = nn.Parameter(-torch.linspace(1, 16, self.heads))
        self.skip = nn.Parameter(torch.ones(self.heads))
        self.inner_norm = Gain(self.inner)
        self.out = nn.Linear(self.inner, width, bias=False)

    def start(self):
        taps = self.convolution.kernel_size[0]
        before = torch.zeros(self.convolution.in_channels, taps - 1)
        return before, torch.zeros(self.heads, self.inner // self.heads, self.size)

    def step(self, x, state):
        before, h = state
        gate, wide, time = self.into(self.norm(x)).split(
            [self.inner, self.convolution.in_channels, self.heads]
        )
        window = torch.cat([before, wide[:, None]], 1)
        wide = F.silu((window * self.convolution.weight[:, 0]).sum(1) + self.convolution.bias)
        v, b, c = wide.split([self.inner, self.size, self.size])
        v, dt = v.view(self.heads, -1), F.softplus(time + self.time_bias)
        h = torch.exp(dt * self.rate)[:, None, None] * h + (dt[:, None] * v)[..., None] * b
        y = (h @ c + self.skip[:, None] * v).flatten() * F.silu(gate)
        return x + self.out(self.inner_norm(y)), (window[:, 1:], h)

    def tensors(self):
        return {
            "attn_norm.weight": self.norm.weight,
            "ssm_in.weight": self.into.weight,
            "ssm_conv1d.weight": self.convolution.weight[:, 0],
            "ssm_conv1d.bias": self.convolution.bias,
            "ssm_dt.bias": self.time_bias,
            "ssm_a": self.rate[:, None],
            "ssm_d": self.skip[:, None],
            "ssm_norm.weight": self.inner_norm.weight[None],
            "ssm_out.weight": self.out.weight,
        }

    def settings(self):
        return {"ssm_time_step_rank": self.heads, "head_count": self.heads, "ssm_group_count": 1}


class MambaLayer(nn.Module):
    """mambapy's layer with its own defaults: 16 states a channel, twice the width inside, four taps."""

    def __init__(self, width):
        from mambapy.mamba import MambaConfig, ResidualBlock

        super().__init__()
        self.config = MambaConfig(d_model=width, n_layers=1, rms_norm_eps=EPSILON)
        self.block = ResidualBlock(self.config)
        self.inner, self.size = self.config.d_inner, self.config.d_state

    def start(self):
        return None, torch.zeros(1, self.inner, self.config.d_conv - 1)

    def step(self, x, state):
        x, state = self.block.step(x[None], state)
        return x[0], state

    def tensors(self):
        mixer = self.block.mixer
        return {
            "attn_norm.weight": self.block.norm.weight,
            "ssm_in.weight": mixer.in_proj.weight,
            "ssm_conv1d.weight": mixer.conv1d.weight[:, 0],
            "ssm_conv1d.bias": mixer.conv1d.bias,
            "ssm_x.weight": mixer.x_proj.weight,
            "ssm_dt.weight": mixer.dt_proj.weight,
            "ssm_dt.bias": mixer.dt_proj.bias,
            "ssm_a": -torch.exp(mixer.A_log),
            "ssm_d": mixer.D,
            "ssm_out.weight": mixer.out_proj.weight,
        }

    def settings(self):
        return {"ssm_time_step_rank": self.config.dt_rank, "head_count": 0}


LAYERS = {"mamba": MambaLayer, "mamba2": Mamba2Layer}


class Model(nn.Module):
    """Bytes to scores of the next byte: an embedding, layers, a norm and an output matrix."""

    def __init__(self, architecture, width, layers):
        super().__init__()
        self.architecture, self.width = architecture, width
        self.embedding = nn.Embedding(256, width)
        self.layers = nn.ModuleList(LAYERS[architecture](width) for _ in range(layers))
        self.norm, self.output = Gain(width), nn.Linear(width, 256, bias=False)

    def start(self):
        return [layer.start() for layer in self.layers]

    def step(self, token, states):
        """The scores [256] of what follows a token, and the states after it."""
        x, after = self.embedding.weight[token], []
        for layer, state in zip(self.layers, states):
            x, state = layer.step(x, state)
            after.append(state)
        return self.output(self.norm(x)), after

    def at_once(self, tokens):
        """The scores [256] of what follows tokens [N], by mambapy's parallel scan."""
        x = self.embedding(tokens)[None]
        for layer in self.layers:
            x = layer.block(x)
        return self.output(self.norm(x[0, -1]))

    def tensors(self):
        named = {
            "token_embd.weight": self.embedding.weight,
            "output_norm.weight": self.norm.weight,
            "output.weight": self.output.weight,
        }
        for i, layer in enumerate(self.layers):
            named |= {f"blk.{i}.{name}": tensor for name, tensor in layer.tensors().items()}
        return named

    def settings(self):
        layer = self.layers[0]
        return {
            "context_length": 4096,
            "embedding_length": self.width,
            "feed_forward_length": 0,
            "block_count": len(self.layers),
            "layer_norm_rms_eps": EPSILON,
            "ssm_conv_kernel": 4,
            "ssm_inner_size": layer.inner,
            "ssm_state_size": layer.size,
            **layer.settings(),
        }
