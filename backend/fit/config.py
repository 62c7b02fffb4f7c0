"""The numbers of the fit, each with its unit and its reason. Stages are data: the solver only walks the list.

Sigmas are standard deviations of what a residual is divided by. Those of landmarks are in *face units*: the length of
63 mm, a mean interocular distance, at the face's depth, in pixels. So nothing depends on the photo's resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LandmarkConfig:
    """How far the landmarker is believed. Its bias and correlated errors come from the measured table (`noise`)."""

    sigma_floor: float = 0.010  # face units; no landmark is surer than 0.6 mm, whatever the table says
    # On the table's sigmas and modes. Neighbours err alike, 468 landmarks are no 468 measurements: with 2.5, 2.5, 1.5
    # and 1, own people were off by 3.1 times the variance that one photo's normal equations claimed.
    sigma_scale: float = 4.0
    depth_scale: float = 4.0  # the same for depth
    known_scale: float = 2.4  # in place of both where the table knows the face's own part and sixty modes of error
    mode_scale: float = 1.6  # on the table's correlated error modes
    alike: float = 0.64  # correlation of the landmarker's errors on photos of one person, front and side of own people:
    # N photos tell as much as N / (1 + alike (N - 1)) that err each in its own way (Kish's design effect)
    follow: float = 0.7  # on how far a turned face's landmarks follow the landmarker's idea of one (`noise.Follow`):
    # that was measured on renders. Three photos, similarity median in mm, four cases each: scan-model heads 0.67 and
    # 0.71 with 1 and 0.7, a real scan 0.70 and 0.64
    robust: float = 3.0  # Geman-McClure scale in sigmas: a landmark 3 sigmas off keeps a quarter of its weight
    contour_tangent: float = 4.0  # factor on sigma along the contour, where a face-oval landmark may slide
    iris_sigma: float = 0.02  # face units, of an iris centre
    outside: float = 4.0  # factor on the sigma of a landmark beyond the photo's border: the landmarker invents those


@dataclass(frozen=True)
class PriorConfig:
    """What is believed before looking."""

    shape_sigma: float = 1.0  # beta's own units; the head's shape basis is scaled to N(0, 1)
    # The next six hold where no table says what scores tell (`faces`).
    expression_sigma: float = 0.08  # psi, for a shape scored as on calm faces; 0.04 to 0.11 on 2,182 own photos
    expression_gain: float = 0.8  # psi per unit of score added to the sigma: scores are opinions
    expression_trust: float = 0.2  # psi per unit of score; scan-model faces with 0.7: 1.36 mm, with 0.2: 1.32 mm
    jaw_open_sigma: float = 0.06  # the same three for jawOpen: its score tells a smile's teeth from an open mouth,
    jaw_open_gain: float = 0.3  # which the landmarks of lips hardly do
    jaw_trust: float = 0.7
    gaze_sigma: float = 0.30  # radians, yaw and pitch of an eye; people look near the lens
    gaze_roll_sigma: float = 0.01  # radians, about the gaze axis: eyes hardly roll
    gaze_together: float = 0.06  # radians, difference between the eyes
    jaw_sigma: tuple[float, float, float] = (0.25, 0.03, 0.05)  # radians about x (opening), y, z
    jaw_still: float = 1e-3  # radians, where ARKit shapes open the mouth
    own_sigma: float = 0.3  # of a head's own expression components (and of `jaw_sigma`), beyond what scores say: in
    # one face that a person makes, components that are N(0, 1) over all faces are smaller
    link_sigma: float = 0.0005  # metres at a landmark, when ARKit shapes are expressed in own components
    rig_sigma: float = 0.002  # metres at a landmark, when a face made of own components is expressed in ARKit weights
    depth_scale_sigma: float = 0.15  # log of the landmarker's depth per true depth
    iris_diameter: float = 0.0117  # metres, mean of adults
    iris_sigma: float = 0.045  # relative: people's irises and the landmarker's, on 30 scan-model faces
    iris_follows: float = 0.5  # power of the face's size with which the landmarker's iris grows, on the same faces


@dataclass(frozen=True)
class Stage:
    """One run of the solver."""

    name: str
    free: tuple[str, ...]  # of "camera", "focal", "depth", "turns", "noise", "expression", "shape"
    iterations: int
    contours: bool = False  # let the face oval slide along its outline
    looks: bool = False  # hear what the network says of the fit so far (`learned`)
    pixels: bool = False  # add the photometric term and, with several photos, the patches they have in common
    outline: bool = False  # add the silhouette


@dataclass(frozen=True)
class RefineConfig:
    """Per-vertex refinement on top of the model; `backend.training.identity beyond` measures the first figure."""

    enabled: bool = True
    sigma: float = 0.00012  # metres along the normal, of the part of real faces that the default head cannot express
    # and that a field of this length carries; photos show nothing finer
    length: float = 0.014  # metres over which the field changes; much longer than the amplitude, so it cannot fold
    amplitude: float = 0.003  # metres, soft limit of an offset
    symmetry: float = 0.4  # share of the field's variance that both sides have in common
    every: int = 2  # take each second landmark: they lie closer than the field's length
    share: float = 0.75  # of the field's variance that the modes carry; the rest is finer and weaker


@dataclass(frozen=True)
class PixelConfig:
    """The photometric term: how far pixels are believed."""

    enabled: bool = True
    inflation: float = 4.0  # on the table's sigmas: neighbours err alike, and real skin and light differ from generated
    # ones in more than the modes say; own heads like 3 to 4
    mode_scale: float = 1.5  # on the table's modes: real skins vary more than generated ones; chosen, not measured
    robust: float = 2.5  # Geman-McClure scale in sigmas of the photo's own leftover
    least: float = 0.1  # of the table's variance; a photo is never trusted to be cleaner
    rounds: int = 6  # of reweighting
    facing: float = 0.25  # cosine to the camera below which skin is too grazing
    lift: float = 0.0006  # metres off the surface, where a ray towards the camera starts
    fewest: int = 400  # points; fewer tell nothing of a face
    together: int = 6000  # places of all photos; of many photos each shows every second one or fewer, to save time


@dataclass(frozen=True)
class OutlineConfig:
    """The silhouette: where the photo's own outline is looked for."""

    enabled: bool = True
    reach: float = 0.008  # metres to both sides of the rim
    ear_reach: float = 0.014  # the same at an ear: ears stand off by as much more or less
    beside: tuple[float, float] = (0.0012, 0.0040)  # metres from an edge, between which its two sides are compared
    sharpen: float = 0.0012  # metres, how far colours may move the mask's edge
    peak: float = 0.0010  # metres about the steepest change over which its middle is taken
    contrast: float = 0.04  # sRGB 0..1 between both sides; less shows no edge
    slack: float = 0.0005  # metres of skin seen beyond the rim, before what covers it or glare, that are forgiven
    ear_seen: float = 0.6  # share of an ear's rim that must end before open background, or the ear is taken as covered
    ear_spread: float = 0.0015  # metres, median deviation of its edges beyond which it is
    neighbours: float = 0.010  # metres within which edges must agree
    robust: float = 3.0  # scale, in an edge's own sigmas, of how far one may be off its neighbours
    far: float = 0.010  # metres from the rim at which an edge keeps half its weight
    ear_far: float = 0.025
    inflation: float = 1.5  # on the measured sigmas: photos are no renders
    length: float = 0.020  # metres along the outline over which edges err alike


@dataclass(frozen=True)
class StereoConfig:
    """Patches of skin that two photos have in common (`stereo`)."""

    enabled: bool = True
    angles: tuple[float, float] = (0.12, 0.9)  # radians between two cameras that see the head: nearer tells nothing of
    # depth, farther apart the same skin looks another
    resolution: int = 768  # texels to the side of the UV square; about 0.5 mm each
    facing: float = 0.3  # cosine to the camera below which skin is too grazing
    lift: float = 0.0006  # metres off the surface, where a ray towards the camera starts
    coarse: float = 1.5  # millimetres; broader shading is taken off before patches are compared. At the truth of own
    # people, each photo in another light, patches are off by 0.6 mm with 5, 0.45 with 2.5, 0.35 with 1.5
    levels: tuple[float, ...] = (4.0, 2.0)  # texels between a patch's samples, coarse first
    radius: int = 6  # samples from a patch's middle to its border
    rounds: int = 5  # of registration at each level
    likeness: float = 0.8  # correlation below which patches show different things
    whole: float = 0.8  # share of a patch that both photos must show
    reach: float = 4.0  # millimetres, farther than a fit by landmarks is off
    roundtrip: float = 0.75  # texels by which the way back may miss
    neighbours: int = 12
    uneven: float = 0.75  # texels by which neighbours' shifts differ in truth
    odd: float = 2.0  # sigmas from the neighbours' middle beyond which a shift is a mistake
    together: float = 16.0  # a patch's samples that err as one; own people
    floor: float = 0.06  # millimetres; no patch is found surer
    length: float = 5.5  # millimetres along the skin over which patches err alike; own people
    inflation: float = 1.3  # on all that: photos are no renders
    stride: int = 2  # of the places of `appearance`, which lie closer than that
    fewest: int = 40  # patches; fewer are no evidence


@dataclass(frozen=True)
class SideConfig:
    """Which way round photos show the face, by their skin (`several.sides`)."""

    enabled: bool = True
    straight: float = 0.35  # radians; with no photo that looks straighter nothing is compared
    pixel: float = 0.4  # millimetres, to which a photo's pixels are averaged
    resolution: int = 384  # texels to the side of the UV square; a quarter of that finds a third less
    spacing: float = 1.0  # texels between a patch's samples
    rounds: int = 4  # of registration
    stride: int = 4  # of the places of `appearance`
    fewest: int = 25  # patches that both photos show
    together: float = 40.0  # of those places that tell the same
    worth: float = 2.0  # log odds per sigma
    most: float = 8.0  # log odds that a pair can tell


@dataclass(frozen=True)
class LearnedConfig:
    """Evidence from the network that looks at pixels (`learned`)."""

    enabled: bool = True
    trust: float = 0.65  # on its information: on own people it is off by 1.24 times what it states, the landmarks
    # beside which it is heard by 1.2 times what they claim; less a third, for photos are no renders
    alike: float = 0.25  # power of the number of photos by which its information grows: its errors on three photos of
    # one person correlate 0.64 (`training.shape worth`)


@dataclass(frozen=True)
class DeviceConfig:
    """How far photos of one device share a focal length; all relative."""

    device_sigma: float = 0.01  # the same camera and lens by name: focusing changes a focal length by about that
    size_sigma: float = 0.10  # no names, but equally many pixels: one camera more often than not
    size_robust: float = 2.0  # Geman-McClure scale in those sigmas, at which such a tie is let go


@dataclass(frozen=True)
class LimitConfig:
    """Where a fit stops being a person."""

    bad_photo: float = 1.5  # times the median photo's error: beyond it a photo counts less, by the square
    strangers: float = 0.0  # log of how much likelier two groups of photos show one person than two
    mirror: float = 4.0  # log of how much likelier a photo is mirrored than not, beyond which it is turned round
    tempered: float = 1.2  # by which a photo's certainty about beta is divided before photos are compared
    wild: float = 0.06  # face units, median landmark error of a photo fitted alone; faces have 0.005 to 0.02
    wilder: float = 3.0  # and times the middle photo's: then its landmarks are those of no face
    refuse_rmse: float = 0.20  # face units; landmarks this far off are of no human face seen straight


@dataclass(frozen=True)
class FitConfig:
    """Everything `fit_head` can be told."""

    landmarks: LandmarkConfig = field(default_factory=LandmarkConfig)
    priors: PriorConfig = field(default_factory=PriorConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    learned: LearnedConfig = field(default_factory=LearnedConfig)
    devices: DeviceConfig = field(default_factory=DeviceConfig)
    sides: SideConfig = field(default_factory=SideConfig)
    limits: LimitConfig = field(default_factory=LimitConfig)
    pixels: PixelConfig = field(default_factory=PixelConfig)
    outline: OutlineConfig = field(default_factory=OutlineConfig)
    stereo: StereoConfig = field(default_factory=StereoConfig)
    stages: tuple[Stage, ...] = (
        Stage("pose", ("camera", "depth"), 8),
        Stage("rough", ("camera", "focal", "depth", "turns", "noise", "shape", "expression"), 10),
        # Twice: the places where the head turns away, and which edges to believe, follow from where it was before.
        Stage("fine", ("camera", "focal", "depth", "turns", "noise", "shape", "expression"), 7, True, outline=True),
        Stage("rim", ("camera", "focal", "depth", "turns", "noise", "shape", "expression"), 6, True, outline=True),
        Stage("look", ("camera", "focal", "depth", "turns", "noise", "shape", "expression"), 5, True, True,
              outline=True),
        # Twice: what is hidden, what light falls and which pixels to disbelieve follow from where the face was before.
        Stage("pixels", ("camera", "focal", "depth", "turns", "noise", "shape", "expression"), 4, True, pixels=True,
              outline=True),
        Stage("again", ("camera", "focal", "depth", "turns", "noise", "shape", "expression"), 4, True, pixels=True,
              outline=True),
    )
