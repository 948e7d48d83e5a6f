"""Two gloo processes against one: gradients, accumulation, FSDP2 over ten steps, rank checks."""

import dataclasses
import os
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from r1lab import penalties
from r1lab.distributed import check_ranks_agree, reshard, shard
from r1lab.step import DiscriminatorStep, GeneratorStep, accumulate

WORLD, BATCH, SHAPE = 2, 8, (2, 6, 6)
LOSSES = ["minimax", "non-saturating", "wasserstein", "hinge", "least-squares", "relativistic"]
PENALTIES = {
    "none": None,
    "r1": penalties.R1(3.0),
    "r1, functional": penalties.R1(3.0, "functional"),
    "r2": penalties.R2(3.0),
    "r1+r2": penalties.R1R2(3.0),
    "zero-centered": penalties.ZeroCentered(3.0),
    "wgan-gp": penalties.WGANGP(1.5),
    "dragan": penalties.DRAGAN(1.5),
    "approximate-r1": penalties.ApproximateR1(3.0),
    "approximate-r2": penalties.ApproximateR2(3.0),
}


class FixedNoise:
    """A random penalty with noise that is a function of the sample: both worlds draw alike."""

    def __init__(self, penalty):
        self.penalty = penalty

    def __call__(self, discriminator, real, fake, args=(), scale=1.0):
        values = []
        for r, f in zip(real.split(1), fake.split(1), strict=True):
            generator = torch.Generator().manual_seed(int(abs(r.sum().item()) * 1e6))
            penalty = dataclasses.replace(self.penalty, generator=generator)
            values.append(penalty(discriminator, r, f, args, scale).value)
        return penalties.PenaltyTerms(torch.stack(values).mean())


def deterministic(penalty):
    return FixedNoise(penalty) if hasattr(penalty, "generator") else penalty


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.SiLU(), nn.Flatten(), nn.Linear(144, 8), nn.Tanh(),
        nn.Linear(8, 1),
    ).double()  # fmt: skip


def data(seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, BATCH, *SHAPE, generator=generator, dtype=torch.float64)


def half(rank):
    return slice(rank * BATCH // WORLD, (rank + 1) * BATCH // WORLD)


def gradients(module):
    return [p.grad.clone() for p in module.parameters()]


def worker(rank, port, job, path, world):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=world)
    result = job(rank)
    if rank == 0:
        torch.save(result, path)
    dist.destroy_process_group()


def on_two_processes(job, tmp_path, world=WORLD):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = tmp_path / "result.pt"
    mp.spawn(worker, args=(port, job, path, world), nprocs=world, join=True)
    return torch.load(path)


def ddp_gradients(rank):
    """Gradients of every loss and penalty on this rank's half, all averaged by DDP."""
    mine = half(rank)
    real, fake = data()
    real, fake = real[mine], fake[mine]
    found = {}
    cases = [(loss, name, 1) for loss in LOSSES for name in PENALTIES]
    cases += [("non-saturating", name, 2) for name in PENALTIES]
    for loss, name, parts in cases:
        discriminator, penalty = network(), deterministic(PENALTIES[name])
        step = DistributedDataParallel(DiscriminatorStep(discriminator, loss, penalty))
        accumulate(step, real, fake, parts=parts)
        check_ranks_agree(step)
        found[loss, name, parts] = gradients(discriminator)
    generator = nn.Sequential(nn.Linear(3, 72), nn.Unflatten(1, SHAPE)).double()
    torch.manual_seed(0)
    nn.init.normal_(generator[0].weight)
    nn.init.zeros_(generator[0].bias)
    wrapped = DistributedDataParallel(GeneratorStep(generator, network(), "relativistic"))
    latents = data()[0].flatten(1)[:, :3][mine]
    wrapped(latents, real=real).total.backward()
    check_ranks_agree(wrapped)
    found["generator"] = gradients(generator)
    return found


def single_gradients():
    real, fake = data()
    found = {}
    for loss in LOSSES:
        for name, penalty in PENALTIES.items():
            discriminator = network()
            step = DiscriminatorStep(discriminator, loss, deterministic(penalty))
            step(real, fake).total.backward()
            found[loss, name] = gradients(discriminator)
    generator = nn.Sequential(nn.Linear(3, 72), nn.Unflatten(1, SHAPE)).double()
    torch.manual_seed(0)
    nn.init.normal_(generator[0].weight)
    nn.init.zeros_(generator[0].bias)
    step = GeneratorStep(generator, network(), "relativistic")
    step(data()[0].flatten(1)[:, :3], real=real).total.backward()
    found["generator"] = gradients(generator)
    return found


def test_ddp_gradients_equal_the_single_process(tmp_path):
    alone = single_gradients()
    together = on_two_processes(ddp_gradients, tmp_path)
    assert len(together) == len(LOSSES) * len(PENALTIES) + len(PENALTIES) + 1
    for key, found in together.items():
        expected = alone[key if key == "generator" else key[:2]]
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12, msg=str(key))


def train(step, discriminator, rank=None, after_backward=lambda: None):
    """Ten Adam steps; the losses seen, and the final weights."""
    mine = (
        slice(None) if rank is None else slice(rank * BATCH // WORLD, (rank + 1) * BATCH // WORLD)
    )
    adam = torch.optim.Adam(step.parameters(), lr=1e-2)
    seen = []
    for k in range(10):
        real, fake = data(seed=k)
        adam.zero_grad()
        terms = step(real[mine], fake[mine])
        terms.total.backward()
        after_backward()
        adam.step()
        seen.append(terms.total.detach())
    weights = [
        p.full_tensor() if hasattr(p, "full_tensor") else p for p in discriminator.parameters()
    ]
    return torch.stack(seen), [w.detach() for w in weights]


def fsdp_training(rank):
    found = {}
    for kind in ("root only", "layers and root"):
        discriminator = network()
        if kind == "layers and root":
            for layer in (discriminator[0], discriminator[3], discriminator[5]):
                fully_shard(layer)
        step = shard(DiscriminatorStep(discriminator, "non-saturating", penalties.R1(3.0)))
        seen, weights = train(step, discriminator, rank, lambda step=step: reshard(step))
        dist.all_reduce(seen)
        found[kind] = (seen / WORLD, weights)
    return found


def test_fsdp2_training_equals_the_single_process_over_ten_steps(tmp_path):
    discriminator = network()
    step = DiscriminatorStep(discriminator, "non-saturating", penalties.R1(3.0))
    losses_alone, weights_alone = train(step, discriminator)
    for losses_seen, weights in on_two_processes(fsdp_training, tmp_path).values():
        torch.testing.assert_close(losses_seen, losses_alone, rtol=1e-10, atol=1e-10)
        for a, b in zip(weights, weights_alone, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)


def generator_network():
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 72), nn.Unflatten(1, SHAPE)
    ).double()  # fmt: skip


def play(generator, d_step, g_step, mine=slice(None), done=lambda step: None):
    """Four Adam steps of either player, the generator first; the losses, and all final weights."""
    d_adam, g_adam = (torch.optim.Adam(step.parameters(), lr=1e-2) for step in (d_step, g_step))
    seen = []
    for k in range(4):
        real, noise = (batch[mine] for batch in data(seed=k))
        latents = noise.flatten(1)[:, :3]
        for adam in (d_adam, g_adam):
            adam.zero_grad()
        g_terms = g_step(latents, real=real)
        g_terms.total.backward()
        done(g_step)
        assert all(p.grad is None for p in d_step.parameters())
        g_adam.step()
        with torch.no_grad():
            fake = generator(latents)
        d_terms = accumulate(d_step, real, fake, parts=2)
        done(d_step)
        d_adam.step()
        seen += [g_terms.total.detach(), d_terms.total]
    weights = [*d_step.parameters(), *g_step.parameters()]
    full = [p.full_tensor() if hasattr(p, "full_tensor") else p for p in weights]
    return torch.stack(seen), [p.detach() for p in full]


def fsdp_game(rank):
    """Both players sharded, or the discriminator alone; layers of their own or none."""
    world, found = dist.get_world_size(), {}
    mine = slice(rank * BATCH // world, (rank + 1) * BATCH // world)
    for layers in (False, True):
        for both in (False, True):
            discriminator, generator = network(), generator_network()
            for layer in (*discriminator, *generator) if layers else ():
                if both or layer in list(discriminator):
                    fully_shard(layer)
            d_step = shard(DiscriminatorStep(discriminator, "hinge", penalties.R1(3.0)))
            g_step = GeneratorStep(generator, discriminator, "hinge")
            g_step = shard(g_step) if both else DistributedDataParallel(g_step)
            found[layers, both] = play(
                generator, d_step, g_step, mine,
                lambda step: None if isinstance(step, DistributedDataParallel) else reshard(step),
            )  # fmt: skip
            losses_seen, _ = found[layers, both]
            dist.all_reduce(losses_seen)
            losses_seen /= world
    outside = network()
    fully_shard(DiscriminatorStep(outside, "hinge", None))
    with pytest.raises(ValueError, match=r"0\.weight is a shard that only a module around the"):
        GeneratorStep(generator_network(), outside, "hinge")(torch.zeros(2, 3).double())
    return found


@pytest.mark.parametrize("world", [1, 2])
def test_a_game_of_players_sharded_by_fsdp2_equals_the_single_process(tmp_path, world):
    discriminator, generator = network(), generator_network()
    d_step = DiscriminatorStep(discriminator, "hinge", penalties.R1(3.0))
    g_step = GeneratorStep(generator, discriminator, "hinge")
    losses_alone, weights_alone = play(generator, d_step, g_step)
    for key, found in on_two_processes(fsdp_game, tmp_path, world).items():
        losses_seen, weights = found
        torch.testing.assert_close(losses_seen, losses_alone, rtol=1e-9, atol=1e-9, msg=str(key))
        for a, b in zip(weights, weights_alone, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-7, msg=str(key))


def diverging_ranks(rank):
    discriminator = network()
    if rank == 1:
        with torch.no_grad():
            discriminator[5].bias += 1e-12
    with pytest.raises(RuntimeError, match=r"5\.bias differs between processes: ranks \[1\]"):
        check_ranks_agree(discriminator)
    return True


def test_a_rank_that_diverges_is_named(tmp_path):
    assert on_two_processes(diverging_ranks, tmp_path)


def test_accumulation_on_one_process_equals_the_whole_batch():
    real, fake = data()
    for penalty in (None, penalties.R1(3.0), penalties.R1R2(3.0)):
        found = []
        for parts in (1, 2, 4):
            discriminator = network()
            step = DiscriminatorStep(discriminator, "relativistic", penalty)
            terms = accumulate(step, real, fake, parts=parts)
            found.append([terms.total, terms.real_logits, *gradients(discriminator)])
        for other in found[1:]:
            for a, b in zip(found[0], other, strict=True):
                torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_shard_wants_a_step():
    with pytest.raises(TypeError, match="a DiscriminatorStep or a GeneratorStep, not Sequential"):
        shard(network())


def test_a_batch_that_cannot_be_split_is_refused():
    step = DiscriminatorStep(network(), "hinge", None)
    with pytest.raises(ValueError, match="a multiple of parts=3, not 8 and 8"):
        accumulate(step, *data(), parts=3)
