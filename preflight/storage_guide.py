"""Decide which changes to the storage of a running stack are allowed; for the others, list the steps. Pure.

Kubernetes does not copy data: a claim for another place gets another, empty, volume, and one that a storage class made
is deleted with its data. So a change of place is rejected until ``storage.movedFrom`` states that the data was moved.

Harmless, and never rejected: mount options and NFS version, access modes of NFS, ``protect``, ``retain``, growing.
Not covered: changes to claims, volumes or folders outside of the program; a class or a claim that keeps its name and
is backed by something else; the data of an update that never finished.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from components.shared.quantities import quantity
from components.wso2ei.versions import version_of
from settings.model import Settings
from settings.storage import PURPOSES, HostPathStorage, Purpose
from stack import names
from stack.names import EI, MYSQL

_FORGET = "pulumi config rm --path 'wso2ei:storage.movedFrom'"
# By the name: the schema Job's pods, which stay, have the same component.
_GONE = f"wait --for=delete pod -l app.kubernetes.io/name={EI} --timeout=5m"


class VolumeRecord(BaseModel):
    """One volume."""

    model_config = ConfigDict(frozen=True)
    place: str
    claim: str
    """Name of the PersistentVolumeClaim."""
    access_mode: str
    size: str | None = None
    """``None``: a claim that the stack did not make."""


class StorageRecord(BaseModel):
    """Places of a stack's data; the output ``storage``."""

    model_config = ConfigDict(frozen=True)
    place: str
    """Everything in one line; what ``storage.movedFrom`` must repeat."""
    node: str | None = None
    """hostPath: the node, where the stack file names one."""
    namespace: str
    cluster: str
    """Context, or ``kubernetes.clusterIdentifier``."""
    volumes: dict[str, VolumeRecord]

    @property
    def claims(self) -> dict[str, str]:
        """Name of each volume's claim."""
        return {name: volume.claim for name, volume in self.volumes.items()}


def record(settings: Settings, context: str, old: StorageRecord | None = None) -> StorageRecord:
    """Return the storage of the stack file, in the cluster of ``context``, after ``old``."""
    storage, external = settings.storage, settings.mysql.external
    return StorageRecord(
        place=(storage.places(settings.purposes) if settings.purposes else "no volume")
        + (f", databases on {external.host}" if external else ""),
        node=storage.node if isinstance(storage, HostPathStorage) else None,
        namespace=settings.namespace.name,
        cluster=settings.kubernetes.cluster_identifier or context,
        volumes={purpose: _volume(settings, purpose, old) for purpose in settings.purposes},
    )


def _volume(settings: Settings, purpose: Purpose, old: StorageRecord | None) -> VolumeRecord:
    """A claim keeps its name as long as it can be the same claim; otherwise it gets one that no earlier claim has."""
    storage = settings.storage
    place, mode = storage.place(purpose), storage.access_mode(purpose)
    node = storage.node if isinstance(storage, HostPathStorage) else None
    before = old.volumes.get(purpose) if old else None
    existing = storage.existing_claim(purpose)
    if existing:
        claim = existing
    elif old is None or before is None:
        claim = names.claim(purpose)
    elif (place, mode, node) == (before.place, before.access_mode, old.node):
        claim = before.claim
    else:
        claim = names.claim(purpose, hashlib.sha256(f"{place} {mode} {node}".encode()).hexdigest()[:6])
    return VolumeRecord(place=place, claim=claim, access_mode=mode, size=storage.size(purpose))


def kept_data(settings: Settings, record: StorageRecord) -> list[str]:
    """Return what remains of the data after ``pulumi destroy``: MySQL's first, then that of EI's nodes."""
    external, namespace = settings.mysql.external, settings.namespace
    databases = [f"the databases on {external.host}"] if external else []
    return databases + [
        settings.storage.kept(purpose, namespace.name, record.volumes[purpose].claim, created=namespace.create)
        for purpose in settings.purposes
    ]


@dataclass(frozen=True)
class Change:
    """From the storage of a running stack to that of the stack file."""

    old: StorageRecord
    new: StorageRecord
    settings: Settings
    stack: str

    @property
    def moves(self) -> list[str]:
        """Volumes whose data would stay in the old place.

        Naming the node for the first time moves nothing: it is the node that has the data (see ``notes``).
        """
        return [name for name in self._elsewhere() if name not in self.unmounted]

    @property
    def unmounted(self) -> list[str]:
        """Volumes that the stack no longer uses, whose data stays: only a class may delete it with the claim.

        Backups may stay in the old place, since the stack runs without them.
        """
        may_stay = {"backup"} | ({"carbonapps", "deployment"} - set(self.new.volumes))
        return [] if self.old.place.split()[0] == "class" else [name for name in self._elsewhere() if name in may_stay]

    @property
    def moved(self) -> bool:
        """Whether ``storage.movedFrom`` states that the data has been moved away from its place."""
        return self.settings.storage.moved_from == self.old.place

    @property
    def shrinks(self) -> list[str]:
        """Volumes that stay and would get smaller."""
        return [name for name, old, new in self._resized() if quantity(new) < quantity(old)]

    @property
    def grows(self) -> list[str]:
        """Volumes that stay and get larger."""
        return [name for name, old, new in self._resized() if quantity(new) > quantity(old)]

    def sizes(self, name: str) -> tuple[str | None, str | None]:
        """Size of a volume before and after."""
        return self.old.volumes[name].size, self.new.volumes[name].size

    def _elsewhere(self) -> list[str]:
        """Volumes that the stack no longer has, or has in another place."""
        other_node = self.old.node is not None and self.old.node != self.new.node
        return [
            name
            for name, before in self._before()
            if other_node or name not in self.new.volumes or before.place != self.new.volumes[name].place
        ]

    def _resized(self) -> Iterator[tuple[str, str, str]]:
        elsewhere = self._elsewhere()
        for name, before in self._before():
            size = None if name in elsewhere else self.new.volumes[name].size
            if before.size and size:
                yield name, before.size, size

    def _before(self) -> list[tuple[str, VolumeRecord]]:
        """MySQL first; the state is sorted by name."""
        return sorted(self.old.volumes.items(), key=lambda pair: (pair[0] not in PURPOSES, pair[0] != "mysql"))


def other_cluster(change: Change) -> str | None:
    """Return why the stack may not change to another cluster; ``None`` if it does not."""
    old, new = change.old.cluster, change.new.cluster
    if old == new:
        return None
    return f"""Stack '{change.stack}' runs in the cluster '{old}', and this would be '{new}'. Nothing was changed.
Its data is there ({change.old.place}) and would stay there.
  - to return to it:            kubectl config use-context {shlex.quote(old)}
  - another stack for {new!r}: copy Pulumi.{change.stack}.yaml and run pulumi stack init
  - the same cluster under another name:
                                {_set("kubernetes.clusterIdentifier", old)}"""


def refusal(change: Change) -> str | None:
    """Return why the change is rejected, and what to do; ``None`` if it is allowed."""
    if change.old.namespace != change.new.namespace:
        return _other_namespace(change)
    if change.moves and not change.moved:
        return _backups(change) if change.moves == ["backup"] else _move(change)
    if change.shrinks:
        return _shrink(change)
    return None


def notes(change: Change) -> list[str]:
    """Return remarks about a change that is allowed."""
    stays = "is no longer mounted; its data stays in"
    found = [f"{name} {stays} {change.old.volumes[name].place}" for name in change.unmounted]
    if change.settings.storage.moved_from and not change.moves:
        found.append(f"storage.movedFrom is no longer needed: {_FORGET}")
    if change.old.node is None and change.new.node is not None and not change.moves:
        found.append(
            f"the pods are now bound to the node of {change.new.place}; the data must be there, nothing is copied"
        )
    for name in change.grows:
        old, new = change.sizes(name)
        found.append(f"{name} grows from {old} to {new}: {_how_it_grows(change, name)}")
    return found


def _how_it_grows(change: Change, name: str) -> str:
    if change.settings.storage.kind != "class":
        return "the size is not enforced; make sure that the disk has the room"
    storage_class = change.new.volumes[name].place.split()[1]
    return (
        f"the class needs allowVolumeExpansion: true (kubectl get storageclass {storage_class}), else the API "
        "server rejects it and nothing changes"
    )


def _shrink(change: Change) -> str:
    lines = [f"The storage of stack '{change.stack}' cannot shrink; nothing was changed."]
    for name in change.shrinks:
        old, new = change.sizes(name)
        lines.append(f"  - storage.{name}Size: the volume has {old}, the stack file has {new}")
        lines.append(f"      fix: {_set(f'storage.{name}Size', str(old))}")
    lines.append('No kind of volume can be made smaller in place. Smaller ones need a move: docs/storage.md, "Moving".')
    return "\n".join(lines)


def _other_namespace(change: Change) -> str:
    old, new = change.old, change.new
    return f"""The namespace of stack '{change.stack}' cannot change while it runs; nothing was changed.
  it is         {old.namespace}
  would become  {new.namespace}
Claims belong to a namespace, and two MySQL servers would share one folder. Undo the change:
  {_set("namespace.name", old.namespace)}
or save the data as below with the old name set, run pulumi destroy, change the name, run pulumi up, and restore it.
{_save(change)}
{_restore(change)}"""


def _move(change: Change) -> str:
    old, new, settings = change.old, change.new, change.settings
    moved_from = settings.storage.moved_from
    lines = [
        f"The data of stack '{change.stack}' would stay in the old place; nothing was changed.",
        f"  it is in      {old.place}",
        f"  would become  {new.place}",
        f"Kubernetes copies nothing: {' and '.join(change.moves)} would start empty.",
    ]
    if moved_from:
        lines.append(f"storage.movedFrom is {moved_from!r}, which is not where the data is.")
    lines += [
        _fate(change),
        f"To leave it where it is, undo the change of storage in Pulumi.{change.stack}.yaml. To move it:",
        *(
            ["  0. storage of this stack is protected: let every `pulumi up` below be `pulumi up --ignore-protect`"]
            if settings.protect
            else []
        ),
        "  1. Save it. EI stops here, and step 2 starts it again.",
        _save(change),
        "  2. Confirm that it is saved, and update. MySQL and EI start on the new, empty, volumes.",
        f"       {_set('storage.movedFrom', old.place)}",
        "       pulumi up --refresh",
        "  3. Restore it.",
        _restore(change),
        f"       {_FORGET}",
        'Where both places can be reached as folders, copying them is shorter: docs/storage.md, "Moving".',
    ]
    return "\n".join(lines)


def _backups(change: Change) -> str:
    """Reject the deletion of a class's claim with nothing but backups."""
    old = change.old
    return f"""The backups of stack '{change.stack}' would be deleted with their claim; nothing was changed.
  they are in   {old.volumes["backup"].place}, claim {old.volumes["backup"].claim}, unless it is retained
Undo the change of storage or mysql.backup in Pulumi.{change.stack}.yaml; or copy the backups that you need
(docs/backup.md, "Copies"), confirm it, and update:
  {_set("storage.movedFrom", old.place)}
  pulumi up
  {_FORGET}"""


def _fate(change: Change) -> str:
    kind = change.old.place.split()[0]
    if kind == "class":
        return (
            "The old claims are deleted at the end of the update that moves, and their volumes with them, unless "
            "storage.retain was true or the class has reclaimPolicy Retain: the saved files are then all there is."
        )
    return "What is in the old place stays there, untouched."


def _save(change: Change) -> str:
    where = f"kubectl -n {change.old.namespace}"
    lines = []
    for name, (folder, content) in _archives(change.settings).items():
        if name in change.old.volumes and (name in change.moves or not change.moves):
            lines.append(f"{where} exec deploy/{EI} -c ei -- tar -C {folder} -cf - {content} > {name}.tar")
    lines += [f"{where} delete deployment/{EI}", f"{where} {_GONE}"]
    if "mysql" in change.moves or not change.moves:
        lines.append(f"{where} exec {MYSQL}-0 -c mysql -- sh /in_pod/mysql_dump.sh > wso2ei.sql")
        lines.append("tail -n 1 wso2ei.sql     # must be: -- Dump completed")
    return _indented(lines)


def _restore(change: Change) -> str:
    where, lines = f"kubectl -n {change.new.namespace}", []
    external = change.settings.mysql.external
    if "mysql" in change.moves or not change.moves:
        lines += [
            f"{where} scale deployment/{EI} --replicas=0",
            f"{where} {_GONE}",
            # The dump names the databases of the stack's own server; those of an external one may be called otherwise.
            f"mysql --host={external.host} --port={external.port} --user=ADMINISTRATOR --password < wso2ei.sql"
            if external
            else f"{where} exec -i {MYSQL}-0 -c mysql -- sh /in_pod/mysql_restore.sh < wso2ei.sql",
            f"{where} scale deployment/{EI} --replicas={change.settings.ei.replicas}",
            f"{where} rollout status deployment/{EI}",
        ]
    for name, (folder, _) in _archives(change.settings).items():
        if name in change.new.volumes and (name in change.moves or not change.moves):
            lines.append(f"{where} exec -i deploy/{EI} -c ei -- tar -C {folder} -xf - < {name}.tar")
    return _indented(lines)


def _archives(settings: Settings) -> dict[str, tuple[str, str]]:
    """Folder and content of each volume of EI's nodes, as tar takes them; that of the CARs is in the other one."""
    repository = f"{version_of(settings.ei.version).home}/repository"
    return {
        "carbonapps": (f"{repository}/deployment/server/carbonapps", "."),
        "deployment": (repository, "--exclude='deployment/server/carbonapps/*' deployment/server tenants"),
    }


def _indented(lines: list[str]) -> str:
    return "\n".join(f"       {line}" for line in lines)


def _set(path: str, value: str) -> str:
    return f"pulumi config set --path 'wso2ei:{path}' {shlex.quote(value)}"
