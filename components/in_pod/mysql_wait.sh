# shellcheck shell=bash
# Sourced by the clients of MySQL after mysql_files.sh: statements, and waits that end with a reason.
#
# An answer that may change without help (the server starts, stops, is full, or cannot be reached) is waited for as long
# as the caller wants. Any other one, such as a wrong password or a missing table, is final once it has been the same for
# a minute: in that time a server of the stack takes over a new password.
rendered=${RENDERED:-/run/rendered}
patience_seconds=${PATIENCE_SECONDS:-60}
pause_seconds=${PAUSE_SECONDS:-2}
passing='ERROR (1040|1053|1203|1205|1213|1290|2002|2003|2006|2013) |still has the claim'
refusal=
final_code=
final_since=0

# query DATABASE SQL: its result in $answer; fails with the error in $refusal.
query() {
    local code=0
    answer=$(mysql --defaults-extra-file="$rendered/$1.cnf" --batch --skip-column-names --execute="$2" \
        2>"$rendered/error") || code=$?
    [ "$code" -ne 0 ] || return 0
    refusal=$(grep -m 1 '^ERROR' "$rendered/error" || tail -n 1 "$rendered/error")
    # A client that is killed, as for memory, writes nothing.
    refusal=${refusal:-the mysql client ended with exit code $code}
    return 1
}

# final: $refusal has been the same answer for a minute, and nothing but a change of settings or data can end it.
final() {
    local code=${refusal%%:*}
    if [[ $refusal =~ $passing ]]; then
        final_code=
        return 1
    fi
    if [ "$code" != "$final_code" ]; then
        final_code=$code
        final_since=$SECONDS
    fi
    [ $((SECONDS - final_since)) -ge "$patience_seconds" ]
}
