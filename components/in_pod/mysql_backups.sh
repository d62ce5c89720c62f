# shellcheck shell=bash
# Sourced by the programs of backups after mysql_files.sh and mysql_wait.sh: the volume of backups, and the wait for MySQL.
#
# A backup is a folder, named by its time, with the dump and its checksum. One rename makes it, so what has such a name
# is complete. Folders ending in .partial are left by Jobs that were killed.
#
# Of the image, gzip, sed and coreutils (sha256sum, date, sync) are needed: the official one installs gzip and sets its
# configuration with sed (docker-library/mysql, Dockerfile.oracle), and all are essential packages of Debian.
backups=${BACKUPS:-/backups}
dump=wso2ei.sql.gz
longest_seconds=${LONGEST_SECONDS:-600}
program=$(basename "$0" .sh)

# fail REASON: ends the program; the end of its log is the pod's termination message.
fail() {
    echo "$program: $1" >&2
    exit 1
}

# reach LOGIN: waits until MySQL accepts it.
reach() {
    local reported=
    until query "$1" 'SELECT 1'; do
        ! final || fail "MySQL rejects the login $1: $refusal"
        [ "$SECONDS" -lt "$longest_seconds" ] || fail "MySQL did not answer in $((longest_seconds / 60)) minutes: $refusal"
        [ "$refusal" = "$reported" ] || echo "$program: waiting for MySQL: $refusal"
        reported=$refusal
        sleep "$pause_seconds"
    done
}

# list_backups: $names holds the names of all backups, the oldest first.
list_backups() {
    local folder
    names=()
    for folder in "$backups"/[0-9]*T[0-9]*Z; do
        [ ! -d "$folder" ] || names+=("${folder##*/}")
    done
}

# intact NAME: the dump is the one that the checksum was made of.
intact() {
    (cd "$backups/$1" && sha256sum --check --status "$dump.sha256") 2>/dev/null
}
