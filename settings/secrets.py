"""The section ``secrets``: existing Kubernetes Secrets in place of those that the stack makes, and rotation."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from settings.types import Allowed, ObjectName, Section, number_as_text

Rotation = Annotated[
    str,
    BeforeValidator(number_as_text, json_schema_input_type=str | float),
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"),
    Allowed("a number, a date or another short word", "2026-11-30"),
]


class RotationSettings(Section):
    """One word for each rotation: another word rotates."""

    mysql: Rotation | None = None
    """Another word makes new MySQL passwords, or has the pods read those of ``secrets.mysql`` again. Restarts MySQL and
    the EI nodes."""
    admin: Rotation | None = None
    """Another word makes a new password of EI's administrator, or has that of ``secrets.admin`` read again. Restarts
    the EI nodes one by one."""

    keystores: Rotation | None = None
    """Another word has the stores and passwords of ``ei.keystores``, and ``ei.trustedCertificates``, read again.
    Restarts the EI nodes one by one."""

    secure_vault: Rotation | None = None
    """Another word has the cipher texts of ``ei.secureVault`` read again. Restarts the EI nodes one by one."""

    @property
    def text(self) -> str | None:
        """All of them as one text, for pods that read them all."""
        given = {"mysql": self.mysql, "admin": self.admin, "keystores": self.keystores, "vault": self.secure_vault}
        return ", ".join(f"{name} {word}" for name, word in given.items() if word) or None


class SecretsSettings(Section):
    """Secrets that exist already in the namespace (External Secrets, CSI, by hand), in place of those made here."""

    registry: Annotated[ObjectName | None, Field(examples=["wso2-registry"])] = None
    """Secret of type kubernetes.io/dockerconfigjson; every pod of the stack uses it to pull its images."""
    mysql: Annotated[ObjectName | None, Field(examples=["wso2ei-mysql"])] = None
    """Secret with the keys ``user-password`` and ``registry-password``; for the stack's own server ``root-password``
    too, and with ``mysql.backup`` ``backup-password``."""
    admin: Annotated[ObjectName | None, Field(examples=["wso2ei-admin"])] = None
    """Secret with the key ``password``: that of EI's administrator."""
    rotation: RotationSettings = RotationSettings()
    """What to rotate with the next update."""
