"""The colour of skin from what is in it: a table from melanin and blood to linear Rec.709.

Two layers, after Donner and Jensen 2006 ("A Spectral BSSRDF for Shading Human Skin") and the table idea of Jimenez et
al. 2010: light passes the epidermis twice (melanin and baseline absorb), the dermis below sends back what its blood
leaves (Jensen's 2002 diffusion reflectance). Spectra are integrated with the CIE 1931 observer (Wyman et al. 2013)
under D65 and taken to Rec.709.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from backend.core.colour import luminance

MELANIN = (0.0008, 4.0)
"""Amount of melanin that the table spans, as a volume fraction of melanosomes in a column of `EPIDERMIS_MM`: an
effective figure, above 1 in the darkest skin, whose melanin lies deeper than the column."""

BLOOD = (0.003, 0.16)
"""Volume fraction of blood in the dermis: blanched to lips and fresh blemishes."""

STEPS = 96

EPIDERMIS_MM = 0.06
"""Unit of melanin's path, mm; light crosses it twice, at a mean slant that `SLANT` stands for."""

SLANT = 1.3

CLUMPING, VEIL, OXYGEN, SCATTERING, BASELINE = 0.70, 0.024, 0.72, 0.78, 0.30
"""Fitted once to the run of CIELAB means from very light to very dark faces (L* 74, a* 7.5, b* 14 over 52, 13, 19.5 to
29, 8.5, 9.5; within 0.8 of each, as spectrophotometer surveys such as Xiao et al. 2017 have it). Melanin is clumped,
so its transmittance is a gamma mixture, (1 + x / CLUMPING)^-CLUMPING, and dark skin stays brown where Beer's law turns
it orange; VEIL is what the epidermis itself sends back; OXYGEN the oxygenated share of the haemoglobin; the last two
scale Donner and Jensen's dermal scattering and baseline absorption."""


def spectrum_nm() -> np.ndarray:
    """(W,) wavelengths, nm."""
    return np.arange(400.0, 701.0, 10.0)


def haemoglobin_absorption(wavelength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Absorption of whole blood (150 g/l), 1/mm, oxygenated and not; (W,) nm.

    Sums of Gaussians laid on the Soret and Q bands of Prahl's compiled molar extinctions (1/cm/M), within some 15 %.
    """
    def bands(*peaks: tuple[float, float, float]) -> np.ndarray:
        centre, width, height = np.array(peaks).T[..., None]
        return (height * np.exp(-0.5 * ((wavelength - centre) / width) ** 2)).sum(0)

    oxy = bands((415, 11, 500e3), (430, 25, 40e3), (460, 35, 25e3), (541, 12, 40e3), (577, 8, 47e3), (550, 25, 14e3))
    deoxy = bands((432, 11, 500e3), (420, 28, 80e3), (556, 20, 44e3), (600, 22, 9e3), (520, 22, 14e3), (650, 45, 3.5e3))
    per_molar = 2.303 * 150 / 64500 / 10
    return (oxy + 400) * per_molar, (deoxy + 1500) * per_molar


def reflectance(melanin: np.ndarray, blood: np.ndarray, wavelength: np.ndarray) -> np.ndarray:
    """Diffuse reflectance (..., W) of skin; `melanin` and `blood` (...) in the units of `MELANIN` and `BLOOD`."""
    nm = wavelength
    eumelanin = 6.6e10 * nm**-3.33
    baseline = BASELINE * (0.0244 + 8.53 * np.exp(-(nm - 154) / 66.2))
    oxy, deoxy = haemoglobin_absorption(nm)
    m, b = melanin[..., None], blood[..., None]
    path = 2 * SLANT * EPIDERMIS_MM * (m * eumelanin + baseline)
    through = (1 + path / CLUMPING) ** -CLUMPING
    dermis = b * (OXYGEN * oxy + (1 - OXYGEN) * deoxy) + (1 - b) * baseline
    scatter = SCATTERING * (14.74 * nm**-0.22 + 2.2e11 * nm**-4.0)
    albedo = scatter / (scatter + dermis)
    root = np.sqrt(3 * (1 - albedo))
    internal = (1 + 0.44) / (1 - 0.44)
    below = albedo / 2 * (1 + np.exp(-4 / 3 * internal * root)) * np.exp(-root)
    return VEIL + (1 - VEIL) * through * below


@lru_cache(maxsize=1)
def table() -> np.ndarray:
    """(STEPS, STEPS, 3) float32 linear Rec.709; rows step through log melanin, columns through log blood."""
    melanin = np.geomspace(*MELANIN, STEPS)
    blood = np.geomspace(*BLOOD, STEPS)
    nm = spectrum_nm()
    spectra = reflectance(melanin[:, None], blood[None], nm)
    weights = _observer(nm) * _daylight(nm)[:, None]
    weights /= weights[:, 1].sum()
    xyz = spectra @ weights
    white = np.array([3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570]).reshape(3, 3)
    rgb = xyz @ white.T
    rgb /= weights.sum(0) @ white.T
    return np.clip(rgb, 0.002, 1).astype(np.float32)


def colour(melanin: np.ndarray, blood: np.ndarray) -> np.ndarray:
    """Linear Rec.709 (..., 3) of skin with these volume fractions (...), clamped to the table."""
    import cv2

    def steps(value: np.ndarray, span: tuple[float, float]) -> np.ndarray:
        return np.clip(np.log(np.maximum(value, span[0]) / span[0]) / np.log(span[1] / span[0]), 0, 1) * (STEPS - 1)

    x, y = steps(blood, BLOOD).astype(np.float32), steps(melanin, MELANIN).astype(np.float32)
    flat = cv2.remap(table(), x.reshape(len(x) if x.ndim else 1, -1), y.reshape(len(y) if y.ndim else 1, -1),
                     cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return flat.reshape(*x.shape, 3)


def melanin_for(target_luminance: float, blood: float) -> float:
    """The melanin fraction that gives skin of this blood content a luminance, clamped to the table."""
    melanin = np.geomspace(*MELANIN, 400)
    found = luminance(colour(melanin, np.full(400, blood)))
    return float(np.interp(-target_luminance, -found, melanin))


def individual_typology_angle(linear: np.ndarray) -> np.ndarray:
    """ITA in degrees (Chardon 1991) of linear Rec.709 (..., 3) under D65: > 55 very light, < -30 dark."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / to_xyz.sum(1)
    f = np.where(xyz > 216 / 24389, np.cbrt(np.maximum(xyz, 1e-9)), xyz * (841 / 108) + 4 / 29)
    lightness, yellow = 116 * f[..., 1] - 16, 200 * (f[..., 1] - f[..., 2])
    return np.rad2deg(np.arctan2(lightness - 50, yellow))


def _observer(nm: np.ndarray) -> np.ndarray:
    """(W, 3) CIE 1931 x, y, z (Wyman, Sloan and Shirley 2013, multi-lobe fit)."""
    def lobe(centre: float, left: float, right: float) -> np.ndarray:
        scale = np.where(nm < centre, left, right)
        return np.exp(-0.5 * ((nm - centre) * scale) ** 2)

    x = 0.362 * lobe(442.0, 0.0624, 0.0374) + 1.056 * lobe(599.8, 0.0264, 0.0323) - 0.065 * lobe(501.1, 0.0490, 0.0382)
    y = 0.821 * lobe(568.8, 0.0213, 0.0247) + 0.286 * lobe(530.9, 0.0613, 0.0322)
    z = 1.217 * lobe(437.0, 0.0845, 0.0278) + 0.681 * lobe(459.0, 0.0385, 0.0725)
    return np.stack([x, y, z], -1)


def _daylight(nm: np.ndarray) -> np.ndarray:
    """(W,) relative power of D65, straight between tabulated values 50 nm apart."""
    return np.interp(nm, [400, 450, 500, 550, 600, 650, 700], [82.8, 117.0, 109.4, 104.0, 90.0, 80.0, 71.6])
