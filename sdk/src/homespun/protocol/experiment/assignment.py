"""Which variant a device is in: a function of the device's secret and the definition, remembered nowhere.

Rules:

- A device's slot in a layer, its place in a holdout and its place among an experiment's variants are hashes of one
  secret with different salts (``channel.bucket``), so that they say nothing about each other.
- In one layer a device has one slot; experiments with disjoint slots therefore exclude each other.
- Shares are of the devices that the layer and the holdout leave. Variants take the buckets in their order, from 0.
- The secret never leaves the device. Nobody else knows, or can find out, which variant a device is in.

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
    own = bucket(seed, f"experiment {experiment.salt}")
    ends = accumulate(variant.share for variant in experiment.variants)
    return next((place for place, end in enumerate(ends) if own < end), None)


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
