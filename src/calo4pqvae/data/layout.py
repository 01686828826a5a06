"""Whether the shapes of a file's arrays fit each other and a cylinder."""

from itertools import permutations
from math import prod
from pathlib import Path

from calo4pqvae._core.intake import parse_json
from calo4pqvae.data.checks import AXES
from calo4pqvae.errors import ConfigError, GeometryError, ShowerFileError
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["check_shapes", "described_geometry", "find_geometry"]


def described_geometry(attribute: object) -> dict | None:
    """Parse the attribute `geometry` of a file; None when it is no description."""
    if not isinstance(attribute, str):
        return None
    try:
        description = parse_json(attribute, "geometry", "description")
    except ConfigError:
        return None
    return description if isinstance(description, dict) else None


def find_geometry(path: Path, attribute: object, shape: tuple[int, ...]) -> CylindricalGeometry:
    """Tell the cylinder from the file's own description, else from the number of voxels.

    Arguments:
        path: the file, for messages.
        attribute: value of the file's attribute `geometry`, if any.
        shape: shape of the array of showers.

    Raises:
        GeometryError: the description is malformed, or there is none and the number of voxels
            is neither that of dataset 2 nor that of dataset 3.
    """
    description = described_geometry(attribute)
    if description is not None:
        try:
            return CylindricalGeometry.from_dict(description)
        except GeometryError as error:
            raise GeometryError(
                f"{path}: its attribute 'geometry' is malformed ({error}); give a geometry"
            ) from error
    known = {g.n_voxels: g for g in (_dataset_2, _dataset_3)}
    for n_voxels in (prod(shape[1:]), shape[0]):
        if n_voxels in known:
            return known[n_voxels]
    raise GeometryError(
        f"{path}: does not describe its geometry, and {prod(shape[1:])} voxels belong neither "
        f"to dataset 2 (6480) nor to dataset 3 (40500); give its geometry",
        remedy="binning",
    )


def check_shapes(
    path: Path,
    e_inc: tuple[int, ...],
    showers: tuple[int, ...],
    geometry: CylindricalGeometry,
) -> None:
    """Compare the shapes of the two arrays with each other and with the geometry.

    Arguments:
        path: the file, for messages.
        e_inc: shape of the array of incident energies.
        showers: shape of the array of showers.
        geometry: the cylinder that the showers should have.

    Raises:
        ShowerFileError: naming what does not fit.
    """
    if showers[0] == 0 and e_inc[0] == 0:
        raise ShowerFileError(f"{path}: holds 0 showers; write it again with showers in it")
    _check_voxels(path, showers, geometry)
    if list(e_inc[1:]) not in ([], [1]):
        raise ShowerFileError(
            f"{path}: incident_energies has the shape {e_inc}; it must be (N, 1) or (N,), one "
            f"energy per shower"
        )
    if e_inc[0] != showers[0]:
        raise ShowerFileError(
            f"{path}: {e_inc[0]} incident energies but {showers[0]} showers; both arrays must "
            f"have one row per shower"
        )


_dataset_2 = CylindricalGeometry.dataset_2()
_dataset_3 = CylindricalGeometry.dataset_3()


def _check_voxels(path: Path, shape: tuple[int, ...], geometry: CylindricalGeometry) -> None:
    """Compare the shape of one shower with the geometry."""
    n_voxels, (n_rows, *voxels) = geometry.n_voxels, shape
    if voxels == [n_voxels] or (geometry.is_regular and voxels == list(geometry.shape)):
        return
    if len(voxels) == 1 and n_rows == n_voxels:
        raise ShowerFileError(
            f"{path}: showers has the shape {shape}, that is (voxels, showers); transpose it "
            f"to (showers, voxels)"
        )
    found = _axis_order(tuple(voxels), geometry)
    if found:
        raise ShowerFileError(
            f"{path}: the axes of showers are in the order (shower, {', '.join(found)}); "
            f"transpose them to (shower, layer, alpha, r)"
        )
    raise ShowerFileError(
        f"{path}: one shower has {prod(voxels)} voxels (shape {tuple(voxels)}), the geometry "
        f"has {n_voxels}; give the geometry that belongs to this file"
    )


def _axis_order(shape: tuple[int, ...], geometry: CylindricalGeometry) -> tuple[str, ...]:
    """Names of the axes of one shower if they are those of the cylinder in another order."""
    if not geometry.is_regular:
        return ()
    for order in permutations(range(3)):
        if shape == tuple(geometry.shape[axis] for axis in order):
            return tuple(AXES[axis] for axis in order)
    return ()
