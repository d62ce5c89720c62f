"""The checks of ``EiClusterArgs``: every one names the field, and all are reported at once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from components.ei.args import EiClusterArgs
from components.ei.clients import client_problems
from components.ei.deployment import shared_file_problems
from components.ei.metrics import metrics_problems
from components.ei.metrics import patches as metrics_patches
from components.ei.operations import operation_problems
from components.shared.problems import Problem
from components.shared.quantities import quantity
from components.wso2ei.additions import (
    certificate_problems,
    environment_problems,
    file_problems,
    jar_name,
    jar_problems,
    keystore_problems,
    option_problems,
    patch_problems,
    volume_problems,
)
from components.wso2ei.args import AdditionsArgs, PatchArgs
from components.wso2ei.carbonapps import carbon_app_problems
from components.wso2ei.files import Patch
from components.wso2ei.patches import managed_patches
from components.wso2ei.proxy import proxy_patches, proxy_problems
from components.wso2ei.vault import managed_vault_patches, vault_problems
from components.wso2ei.versions import EiVersion, lacking, other_version, version_of


def check(name: str, args: EiClusterArgs) -> EiVersion:
    """The row of the version table for ``args``.

    :raises ValueError: with every field that is wrong, and what is allowed.
    """
    try:
        version = version_of(args["version"])
    except ValueError as error:
        raise ValueError(f"EiCluster {name}: version: {error}") from error
    found = [
        *_sizes(args),
        *_secrets(args),
        *_storage(args),
        *_diagnostics(args),
        *image_problems(version, args["image"], args),
    ]
    found += addition_problems(version, args, metrics_patches(args.get("metrics")))
    found += username_problems(args["admin_username"], args.get("patches") or ())
    found += operation_problems(args)
    found += client_problems(args)
    found += metrics_problems(version, args, args.get("java_options") or ())
    if found:
        raise ValueError("\n".join(f"EiCluster {name}: {problem.field} {problem.expected}" for problem in found))
    return version


def _sizes(args: EiClusterArgs) -> Iterator[Problem]:
    if args["replicas"] < 1:
        yield Problem(("replicas",), f"must be positive, not {args['replicas']}")
    sizes = {"heap": args["heap"], "memory": args["memory"], "cpu": args["cpu"], "cpu_limit": args.get("cpu_limit")}
    for field, text in sizes.items():
        try:
            if text is not None and quantity(text) <= 0:
                yield Problem((field,), f"must be positive, not {text}")
        except ValueError as error:
            yield Problem((field,), f"{text!r}: {error}")
    paths = {"configuration_path": "/_system/config", "governance_path": "/_system/governance"}
    for field, top in paths.items():
        path = str(args.get(field) or top)
        if not re.fullmatch(rf"{top}(/[A-Za-z0-9._-]+)*", path):
            yield Problem((field,), f"must be {top} or below it, not {path!r}")
    if args.get("pull_minutes", 1) < 1:
        yield Problem(("pull_minutes",), "must be positive")


def _secrets(args: EiClusterArgs) -> Iterator[Problem]:
    """Each of them is given here or exists already."""
    if (args.get("admin_password") is None) == (args.get("admin_secret") is None):
        yield Problem(("admin_password",), "or admin_secret is needed, and not both")
    if args.get("registry") and args.get("registry_secret"):
        yield Problem(("registry",), "and registry_secret must not both be given")


def _storage(args: EiClusterArgs) -> Iterator[Problem]:
    if not args.get("storage") and args.get("carbon_apps_folder") != "unused":
        yield Problem(("storage",), "is required unless carbon_apps_folder is unused")
    if deployment := args.get("deployment_storage"):
        if deployment.get("access_mode") == "ReadOnlyMany":
            yield Problem(("deployment_storage", "access_mode"), "must not be ReadOnlyMany: nodes write there")
        yield from shared_file_problems(args.get("files") or ())


def _diagnostics(args: EiClusterArgs) -> Iterator[Problem]:
    if args.get("diagnostics_keep", 0) < 0:
        yield Problem(("diagnostics_keep",), "must not be negative")
    diagnostics = args.get("diagnostics")
    if diagnostics and diagnostics.get("access_mode") == "ReadOnlyMany":
        yield Problem(("diagnostics", "access_mode"), "must not be ReadOnlyMany: nodes write there")


def username_problems(username: str, patches: Sequence[PatchArgs]) -> Iterator[Problem]:
    """Report an ``@`` in the administrator's name, unless a patch of ``patches`` allows it in user names.

    Carbon takes what follows the last ``@`` for the domain of a tenant (MultitenantUtils.getTenantDomain), which does
    not exist: a login fails. With ``EnableEmailUserName`` in carbon.xml it does so from the second ``@`` on.
    """
    allowed = any(
        patch["file"] == "conf/carbon.xml"
        and patch.get("path") == "Server/EnableEmailUserName"
        and (patch.get("set") or "").strip() == "true"
        for patch in patches
    )
    if username.count("@") > allowed:
        yield Problem(
            ("admin_username",),
            "must not contain @, which begins a tenant's domain, unless patches set Server/EnableEmailUserName of "
            "conf/carbon.xml to true",
        )


def image_problems(version: EiVersion, image: str, args: AdditionsArgs) -> Iterator[Problem]:
    """A public image of another version, or one that is known to lack a jar which nothing delivers."""
    other = other_version(version, image)
    if other:
        yield Problem(("image",), f"{image} is EI {other}, and version is {version.version}")
        return
    for missing in lacking(version, image, [jar_name(jar) for jar in args.get("jars") or ()]):
        yield Problem(("jars",), f"must hold {missing.what}, such as {missing.remedy}: {image} {missing.reason}")


def addition_problems(version: EiVersion, args: AdditionsArgs, metrics: Sequence[Patch] = ()) -> Iterator[Problem]:
    """Whatever is wrong with what users add; ``metrics`` are the managed patches that metrics need."""
    managed = [*managed_patches(version, args), *metrics, *proxy_patches(args.get("proxy"))]
    if args.get("secure_vault"):
        managed += managed_vault_patches()
    items = [*patch_problems(args.get("patches") or (), managed), *file_problems(args.get("files") or ())]
    yield from items
    # One an item: the fix is to remove it, once.
    reported = {problem.place[:2] for problem in items}
    yield from (problem for problem in vault_problems(args) if problem.place[:2] not in reported)
    yield from environment_problems(args.get("environment") or {}, args.get("secret_environment") or {})
    yield from option_problems(args.get("java_options") or ())
    yield from proxy_problems(args.get("proxy"), args.get("java_options") or ())
    yield from jar_problems(args.get("jars") or ())
    yield from volume_problems(args.get("volumes") or ())
    yield from keystore_problems(args.get("keystores"))
    yield from certificate_problems(args.get("trusted_certificates") or ())
    yield from carbon_app_problems(args.get("carbon_apps") or (), args.get("carbon_apps_folder") or "live")
