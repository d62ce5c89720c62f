#!/bin/sh
# Stops a pod at once, with one line that says what to do, when its user cannot use its volume.
#
#   check_volume.sh FOLDER read|write REMEDY
#
# The owner of an export, and of most claims, cannot be set from here: it is checked, and said. Without this check the
# server would start and fail somewhere inside, in words that name neither the volume nor its owner.
set -eu
folder=$1
need=$2
remedy=$3
if [ "$need" = write ]; then
    # A folder that is really made finds what permission bits do not tell: a squashed user, a read-only mount, a full disk.
    if said=$(mktemp -d "$folder/.check-volume-XXXXXX" 2>&1); then
        rmdir "$said"
        exit 0
    fi
elif said=$(ls -A "$folder" 2>&1 >/dev/null); then
    exit 0
fi
owner=$(stat -c 'owner %u:%g, mode %a' "$folder" 2>&1) || true
echo "check-volume: uid $(id -u) cannot $need this volume ($owner): $said. $remedy" >&2
exit 1
