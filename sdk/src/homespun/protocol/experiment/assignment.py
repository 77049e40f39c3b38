"""Which variant a device is in: a function of the device's secret and the definition, remembered nowhere.

Rules:

- A device's slot in a layer, its place in a holdout and its place among an experiment's variants are hashes of one
  secret with different salts (``channel.bucket``), so that they say nothing about each other.
- In one layer a device has one slot; experiments with disjoint slots therefore exclude each other.
- Shares are of the devices that the layer and the holdout leave. Variants take the buckets from 0 on, the last variant
  first, so that the control has what comes last.
- Where variants are bundles, the bucket is that of a staged release with the experiment's salt. So a release of the
  last variant's bundle with that salt and share reaches exactly the devices that are in the variant, and the channel
  needs to know nothing of experiments.
- The secret never leaves the device. Where variants are policies, nobody else can find out which one a device is in.
  Where they are bundles, whoever serves the files sees which bundle a device asks for; see ``docs/adr/0042``.

Pure.
"""

from itertools import accumulate

from homespun.protocol.channel import bucket
from homespun.protocol.experiment.definition import Experiment


def variant_of(experiment: Experiment, seed: bytes) -> int | None:
    """Return the place of the variant that a device is in; None: it is not in the experiment.

    Args:
        experiment: The experiment.
        seed: The device's secret, at least ``channel.MIN_SEED_BYTES`` bytes.

    Raises:
        ChannelError: The secret is too short to hide anything.
    """
    if is_left_out(experiment, seed):
        return None
    variants = experiment.variants
    own = bucket(seed, experiment.salt if experiment.is_of_bundles else f"experiment {experiment.salt}")
    ends = accumulate(variant.share for variant in reversed(variants))
    return next((len(variants) - number for number, end in enumerate(ends, 1) if own < end), None)


def is_left_out(experiment: Experiment, seed: bytes) -> bool:
    """Return whether the layer or the holdout keeps a device out of an experiment.

    Raises:
        ChannelError: The secret is too short to hide anything.
    """
    layer, holdout = experiment.layer, experiment.holdout
    if holdout is not None and bucket(seed, f"holdout {holdout.name}") < holdout.share:
        return True
    if layer is None:
        return False
    return not layer.first <= bucket(seed, f"layer {layer.name}") < layer.first + layer.slots
