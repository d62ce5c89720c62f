"""The section ``ei.secureVault``: secrets that EI itself decrypts, in a Secret of the namespace."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.ei.args import SecureVaultArgs, Transformation
from settings.types import DataKey, ObjectName, Section


class EiSecureVault(Section):
    """A Secret of the namespace with the cipher texts of WSO2's secure vault; everything else of it is made of
    ``ei.keystores``."""

    secret: Annotated[ObjectName, Field(examples=["ei-vault"])]
    """Name of the Secret."""
    key: DataKey = "cipher-text.properties"
    """Key in it of the file that WSO2's cipher tool calls so: a line for each alias, with its cipher text."""
    transformation: Transformation = "RSA"
    """How the values were encrypted; ``RSA`` is what the cipher tool of EI 6.x does."""

    def as_args(self) -> SecureVaultArgs:
        """As ``EiCluster`` takes it."""
        return {"secret": self.secret, "key": self.key, "transformation": self.transformation}
