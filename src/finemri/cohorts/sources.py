"""Which source of slices a cohort is: images, label maps that contrasts are drawn from, stacks of pictures, k-space."""

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.drawn import LabelSlices
from finemri.cohorts.layouts import KSPACE, PICTURES
from finemri.cohorts.measured import MeasuredSlices
from finemri.cohorts.slices import Axis, SliceSource, VolumeSlices
from finemri.cohorts.stacks import StackSlices
from finemri.refusal import Refusal

DRAWN = (224, 224)
"""Matrix of slices that are drawn from label maps."""


def slices_of(cohort: Cohort, *, axis: Axis = 2, labels: bool = False) -> SliceSource:
    """Slices of the images, where people have some; of people who have only label maps, slices with a drawn contrast.

    Files of k-space and pictures are told by their names; ``axis`` matters to neither. ``labels``: the images' label
    maps come along. Raises Refusal for a cohort without either, and for one of several kinds of files.
    """
    images = [path.name.lower() for subject in cohort.subjects for path in subject.images]
    if images:
        kinds = {"k-space": KSPACE, "pictures": PICTURES}
        found = {next((kind for kind, ends in kinds.items() if name.endswith(ends)), "volumes") for name in images}
        if len(found) > 1:
            raise Refusal(f"This cohort mixes {' and '.join(sorted(found))}; train on one kind of files at a time.")
        if found == {"volumes"}:
            return VolumeSlices(cohort, axis=axis, labels=labels)
        if labels:
            raise Refusal("Label maps go with volumes (NIfTI, DICOM), not with k-space or pictures; leave them out.")
        return MeasuredSlices(cohort) if found == {"k-space"} else StackSlices(cohort)
    if any(subject.labels for subject in cohort.subjects):
        return LabelSlices(cohort, matrix=DRAWN, axis=axis, zoom=(0.6, 1.2))
    if any(subject.pairs for subject in cohort.subjects):
        raise Refusal("This cohort holds pairs of a coarse and a fine scan; train a recipe that learns from pairs.")
    raise Refusal("A cohort without a single image or label map teaches nothing; check the folder.")
