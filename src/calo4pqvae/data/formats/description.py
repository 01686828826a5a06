"""What a file says of its showers beside the numbers: geometry, units, order, provenance."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calo4pqvae._core.intake import parse_json
from calo4pqvae.data.formats.hits import ENERGY, LENGTH, ORDER
from calo4pqvae.errors import ConfigError, GeometryError, ShowerFileError
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["read_description", "write_description"]


def write_description(
    kind: str, geometry: CylindricalGeometry, attrs: Mapping[str, Any]
) -> str:
    """Write it as JSON."""
    return json.dumps(
        {
            "format": kind,
            "energy_unit": ENERGY,
            "length_unit": LENGTH,
            "voxel_order": ORDER,
            "geometry": geometry.to_dict(),
            "attributes": dict(attrs),
        }
    )


def read_description(
    path: Path, text: object, kind: str
) -> tuple[CylindricalGeometry, dict[str, Any]]:
    """Read geometry and provenance.

    Raises:
        ShowerFileError: it is missing, of another format, or in other units.
    """
    try:
        found = parse_json(text, path, "description") if isinstance(text, str) else None
        if not isinstance(found, dict) or found.get("format") != kind:
            raise ShowerFileError(f"{path}: does not describe its showers as {kind}")
        told = [found.get(key) for key in ("energy_unit", "length_unit", "voxel_order")]
        if told != [ENERGY, LENGTH, ORDER]:
            raise ShowerFileError(
                f"{path}: has the units and order {told}; {[ENERGY, LENGTH, ORDER]} are needed"
            )
        geometry = CylindricalGeometry.from_dict(found["geometry"])
        return geometry, dict(found["attributes"])
    except (ConfigError, GeometryError, KeyError, TypeError, ValueError) as error:
        raise ShowerFileError(f"{path}: its description is damaged ({error})") from error
