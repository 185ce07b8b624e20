"""The shelf: named settings of every recipe. To add a model is to add a line here."""

from dataclasses import replace
from typing import Any

from finemri.recipes.anyspacing import AnySpacing
from finemri.recipes.dagan import DAGAN
from finemri.recipes.field_cycle import FieldCycle
from finemri.recipes.field_gan import FieldGAN
from finemri.recipes.forest import Forest
from finemri.recipes.kspace_gan import KSpaceGAN
from finemri.recipes.recipe import Recipe
from finemri.recipes.refined import Refined
from finemri.recipes.scanning import Scanning
from finemri.recipes.segmenter import Segmenter
from finemri.recipes.slice_srgan import SliceSRGAN
from finemri.recipes.unrolled import Unrolled
from finemri.recipes.volume_srgan import VolumeSRGAN

_AT_4: dict[str, Any] = {"scale": 4, "patch": (32, 32, 23)}
_RESIZE = VolumeSRGAN(upsampler="resize-conv", tanh=True)
_SUBPIXEL = VolumeSRGAN(upsampler="sub-pixel")
_SUBPIXEL_NN = VolumeSRGAN(upsampler="sub-pixel-nn")
_RRDB = VolumeSRGAN(
    generator_kind="rrdb",
    blocks=3,
    critic_head="pool",
    critic_normalises=False,
    fidelity_rounds=10_000,
    adversarial_rounds=5_000,
    generator_rate=1e-4,
    batch=4,
    patch=(24, 24, 24),
    ema=0.999,
    clip=1.0,
    schedule="cosine",
    normaliser="percentile",
    precision="bf16",
)
_SHIPPED = VolumeSRGAN(
    generator_kind="residual",
    features=48,
    blocks=8,
    critic_head="pool",
    critic_normalises=False,
    critic_features=16,
    mse=0.0,
    l1=1.0,
    gradient=1.0,
    adversarial=0.1,
    fidelity_rounds=4_000,
    fidelity_mse=0.0,
    fidelity_l1=1.0,
    adversarial_rounds=600,
    batch=4,
    patch=(20, 20, 20),
    fidelity_rate=4e-4,
    generator_rate=1e-4,
    critic_rate=2e-4,
    schedule="cosine",
    ema=0.998,
    clip=1.0,
    degradations=("blur", "kspace"),
    noise=0.03,
    contrast_jitter=True,
    zoom=(1.0, 1.6),
    normaliser="percentile",
    precision="bf16",
)
_HEADS = Scanning(
    patterns=("density-2d", "density-2d", "random-1d", "equispaced-1d", "gaussian-1d"),
    accelerations=(4.0, 6.0, 8.0),
    coils=(4, 12),
    estimated=0.4,
    noise=(0.0005, 0.03),
    shaded=0.5,
    axis="any",
    matrices=((192, 160), (128, 160), (160, 160), (128, 128), (208, 176), (144, 144), (176, 144)),
    zoom=(0.95, 1.25),
    jitter=0.1,
)
_LSGAN = KSpaceGAN()
_PATCH = replace(_LSGAN, grid=4, l1=0.0, l1_rounds=2_000)
_WGAN = replace(_LSGAN, rule="wasserstein-gp", critic_turns=5, l1=0.0, rate=5e-5, beta2=0.9)
_REFINED = Refined()
_SLICES = SliceSRGAN(
    vgg_layer="conv3_4",
    vgg_size=0,
    srresnet_rounds=5_000,
    adversarial_rounds=5_000,
    batch=8,
    patch=(96, 96),
    normaliser="percentile",
    shuffled=True,
    flips=True,
    tissue=0.05,
)
_CNN = FieldGAN(generator_kind="dcsrn", critic_kind="none", l1=1.0, rounds=2_910, generator_rate=1e-3)
_CNN_L2 = replace(_CNN, l1=0.0, l2=1.0)
_DCGAN = FieldGAN(generator_kind="dcgan2", l1=1.5, generator_rate=2e-4, critic_rate=2e-5)
_FIELD_3 = replace(_DCGAN, generator_kind="dcgan3", critic_kind="f")
_FIELD_5 = FieldGAN(l1=1.5, gradient=2.0)
_FIELD_9 = FieldGAN(critic_kind="h", l1=1.5, generator_rate=5e-5, critic_rate=2e-5)
RECIPES: dict[str, Recipe] = {
    "volume-x2": _SHIPPED,
    "volume-x4": replace(_SHIPPED, scale=4, features=64, patch=(16, 16, 16), adversarial=2e-2),
    "mtl-x2": replace(_SHIPPED, whole=True, zoom=(1.0, 1.0), patch=(12, 12, 12), batch=8),
    "volume-srgan-resize-x2": _RESIZE,
    "volume-srgan-subpixel-x2": _SUBPIXEL,
    "volume-srgan-subpixel-nn-x2": _SUBPIXEL_NN,
    "volume-srgan-resize-x4": replace(_RESIZE, **_AT_4),
    "volume-srgan-subpixel-x4": replace(_SUBPIXEL, **_AT_4),
    "volume-srgan-subpixel-nn-x4": replace(_SUBPIXEL_NN, **_AT_4),
    "volume-srgan-published-x2": replace(
        _RESIZE, blur_across_batch=True, sum_losses=True, inert_critic=True, adversarial=0.1, generator_rate=1e-4
    ),
    "anyspacing": AnySpacing(),
    "volume-rrdb-x2": _RRDB,
    "volume-rrdb-x4": replace(_RRDB, scale=4, patch=(16, 16, 16)),
    "kspace-lsgan-l1": _LSGAN,
    "kspace-lsgan-l1-init": replace(_LSGAN, l1=0.0, l1_rounds=3_000),
    "kspace-lsgan-patch": _PATCH,
    "kspace-wgan-gp": _WGAN,
    "kspace-wgan-gp-patch": replace(_WGAN, grid=4),
    "kspace-lsgan-matching": replace(_PATCH, matching=1.0),
    "recnet": replace(_REFINED, refinement_rounds=0),
    "recnet-refined": _REFINED,
    "recnet-joint": replace(_REFINED, joint=True, reconstructor_rounds=0, mse=1.0),
    "cascade-refined": replace(_REFINED, backbone="cascade", scanning=_HEADS, magnitude=True, batch=4),
    "dagan": DAGAN(),
    "segmenter": Segmenter(),
    "slice-srresnet": replace(_SLICES, srresnet_rounds=10_000, adversarial_rounds=0),
    "slice-srgan": _SLICES,
    "slice-srgan-neighbours": replace(_SLICES, neighbours="output"),
    "slice-srgan-2.5d": replace(_SLICES, neighbours="input"),
    "slice-srgan-published": SliceSRGAN(critic_head="dense", vgg_as_published=True),
    "field-fcn1": replace(_CNN_L2, generator_kind="fcn1"),
    "field-fcn2": replace(_CNN_L2, generator_kind="fcn2"),
    "field-dcsrn": _CNN,
    "field-dcsrn-l2": _CNN_L2,
    "field-dcsrn-perceptual": replace(_CNN, l1=0.0, perceptual=1.0),
    "field-gan-1": replace(
        _DCGAN, generator_kind="dcgan1", critic_kind="b", gradient=1.5, generator_rate=5e-5, critic_rate=2e-5
    ),
    "field-gan-2": _DCGAN,
    "field-gan-3": _FIELD_3,
    "field-gan-4": replace(_FIELD_3, gradient=1.5),
    "field-gan-5": _FIELD_5,
    "field-gan-6": replace(_FIELD_5, sharpen=3),
    "field-gan-7": FieldGAN(),
    "field-gan-8": replace(_FIELD_5, critic_rate=1e-3),
    "field-gan-9": _FIELD_9,
    "field-gan-10": replace(_FIELD_9, l1=0.0, l2=1.5),
    "field-gan-11": replace(_FIELD_9, perceptual=1.0),
    "field-dcgan1": replace(_DCGAN, generator_kind="dcgan1", critic_kind="none", gradient=1.5, generator_rate=5e-5),
    "field-dcgan2": replace(_DCGAN, critic_kind="none"),
    "field-dcgan3": replace(_FIELD_3, critic_kind="none"),
    "field-unet": FieldGAN(critic_kind="none"),
    "field-gan-5-borderless": replace(_FIELD_5, gradient_pad="none"),
    "field-gan-least-squares": FieldGAN(rule="least-squares"),
    "field-gan-wasserstein": FieldGAN(
        rule="wasserstein-gp",
        critic_turns=5,
        adversarial=0.01,
        generator_rate=1e-4,
        critic_rate=1e-4,
        beta1=0.0,
        beta2=0.9,
    ),
    "field-gan-3d": FieldGAN(
        generator_kind="residual-3d",
        critic_kind="pool",
        adversarial=0.1,
        l1=1.0,
        gradient=1.0,
        generator_rate=1e-4,
        batch=4,
        patch=32,
        clip=1.0,
    ),
    "field-pix2pix": FieldGAN(
        critic_kind="h",
        conditional=True,
        l1=100.0,
        dropout=0.5,
        generator_rate=2e-4,
        beta1=0.5,
    ),
    "field-cyclegan": FieldCycle(),
    "forest": Forest(),
    "kspace-multicoil": Unrolled(scanning=_HEADS, l1=0.0, log_mse=1.0, fidelity_rounds=3_000),
    "kspace-singlecoil": Unrolled(
        scanning=replace(_HEADS, coils=(1, 1), estimated=0.0, noise=(0.0005, 0.1)),
        l1=0.0,
        log_mse=1.0,
        fidelity_rounds=3_000,
    ),
}
