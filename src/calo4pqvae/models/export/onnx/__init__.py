"""A layered model as an ONNX graph: prior, layer energies, voxels, in three calling forms."""

from calo4pqvae.models.export.onnx.write import FORMS, export_onnx

__all__ = ["FORMS", "export_onnx"]
