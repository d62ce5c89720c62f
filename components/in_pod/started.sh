#!/bin/sh
# Startup probe of a node: it listens on 9443, so it has joined the cluster, and every CAR file of LIST is deployed.
#
#   started.sh HOME LIST [FOLDER OF tcp AND tcp6] [FILE FOR THE REASON] [FOLDER FOR WHAT WAS SEEN]
#
# LIST: a line for each CAR, its file name, a tab, and the name of the application in it. EI deploys CARs one by one
# before it opens its ports, and reports neither a faulty one nor one that it ignores in any other way than in its log
# (wso2/carbon-kernel, ApplicationManager, the same from v4.4.26 to v4.5.3). A faulty CAR ends the container, with the
# reason as its termination message: a node without it must not become ready, nor run the tasks of the others. So does a
# cluster that cannot be joined: EI logs it once and never opens 9443 (StartupFinalizerServiceComponent).
#
# The log may roll while a node starts (at midnight, by size with DEBUG levels), and a rolled file may be overwritten: so
# all files of this run are read, and what was seen once is kept in the container.
# Runs in the EI image, which may have neither bash nor awk.
set -u
home=$1
list=$2
proc=${3:-/proc/net}
last_words=${4:-/dev/termination-log}
seen=${5:-/tmp}
logs=$home/repository/logs
tab=$(printf '\t')

# Lines about CARs and the cluster of this run of the server, oldest file first. The container's start is marked by its postStart hook.
said() {
    newer=
    [ ! -f "$seen/container-started" ] || newer="-newer $seen/container-started"
    # shellcheck disable=SC2086 # two words, and names without spaces
    files=$(find "$logs" -maxdepth 1 -type f \( -name 'wso2carbon.log*' -o -name 'wso2carbon-*.log' \) $newer 2>/dev/null)
    [ -n "$files" ] || return 0
    # shellcheck disable=SC2012,SC2086
    lines=$(cat $(ls -tr $files) 2>/dev/null | grep -E \
        'Starting WSO2 Carbon|Cannot initialize cluster|Carbon Application|carbon application|cApp|Synapse artifact types|[A-Za-z]Exception|Caused by' |
        cut -c1-600)
    start=$(printf '%s\n' "$lines" | grep -n 'Starting WSO2 Carbon' | tail -n 1 | cut -d: -f1)
    printf '%s\n' "$lines" | tail -n "+${start:-1}"
}
quoted() { printf '%s' "$1" | sed 's/[][\.*^$/]/\\&/g'; }

# A CAR that is deployed without one of its artifacts is logged as deployed (SynapseAppDeployer, validateArtifact).
faults='Error occurred while deploying Carbon Application|Error while deploying (carbon application|stored cApp)'
faults="$faults|Some dependencies in cApp|Ignoring Carbon Application|Synapse artifact types must have a single file"
waits=
# fail REASON: ends the container with it.
fail() {
    echo "$1"
    echo "$1" >"$last_words"
    sh "$home/bin/integrator.sh" stop >/dev/null 2>&1
    exit 1
}
# cause: the innermost exception of the lines on standard input.
cause() {
    grep -E '^Caused by|^[A-Za-z0-9_.$]+Exception' | tail -n 1 | sed 's/^/: /'
}
lines=$(said)
if [ -s "$list" ]; then
    while IFS=$tab read -r file app; do
        # A file that was removed from the shared folder meanwhile is not missed.
        [ -f "$home/repository/deployment/server/carbonapps/$file" ] || continue
        of_file=$(printf '%s\n' "$lines" | sed -n "/Deploying Carbon Application : $(quoted "$file")\.\.\./,\$p" |
            sed -e '1d' -e '/Deploying Carbon Application : /,$d')
        fault=$(printf '%s\n' "$of_file" | grep -m 1 -E "$faults")
        if [ -n "$fault" ]; then
            printf '%s%s' "$(printf '%s' "$fault" | sed 's/^.*} - *//')" "$(printf '%s\n' "$of_file" | cause)" \
                >"$seen/fault-of-$file"
        elif printf '%s\n' "$lines" | grep -q "Successfully Deployed Carbon Application : $(quoted "$app") *{"; then
            : >"$seen/deployed-$file"
        fi
        if [ ! -f "$seen/deployed-$file" ] && [ ! -f "$seen/fault-of-$file" ]; then
            waits=${waits:-"waits for $file: EI has not logged yet that $app is deployed"}
        fi
    done <"$list"
fi

# 9443 in hexadecimal, by any peer, in state LISTEN.
if ! cat "$proc/tcp" "$proc/tcp6" 2>/dev/null | grep -q ':24E3 [0-9A-F]*:0000 0A'; then
    cluster=$(printf '%s\n' "$lines" | sed -n '/Cannot initialize cluster/,$p')
    [ -z "$cluster" ] || fail "EI did not join the cluster$(printf '%s\n' "$cluster" | cause)"
    echo "9443 is not open yet"
    exit 1
fi
while IFS=$tab read -r file app; do
    if [ -f "$seen/fault-of-$file" ]; then
        fail "EI did not deploy $file: $(cat "$seen/fault-of-$file")"
    fi
done <"$list"
[ -z "$waits" ] || { echo "$waits"; exit 1; }
