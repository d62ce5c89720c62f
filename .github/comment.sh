#!/bin/bash
# Posts FILE on the pull request whose newest commit is $HEAD_SHA, in place of the comment of an earlier run.
# Names of branches are untrusted, so every value is passed to `gh` as data.
set -euo pipefail
file=${1:?the comment}
marker=$(head -n 1 "$file")

# For a fork the event names no pull request; owner and branch find it. A newer push has a separate run.
pull=$(gh api -X GET "repos/$REPOSITORY/pulls" -f state=open -f head="$HEAD_OWNER:$HEAD_BRANCH" \
    --jq 'map(select(.head.sha == env.HEAD_SHA)) | .[0].number // empty')
if [ -z "$pull" ]; then
    echo "no open pull request has $HEAD_SHA as its newest commit; nothing to comment on"
    exit 0
fi
earlier=$(MARKER="$marker" gh api --paginate "repos/$REPOSITORY/issues/$pull/comments" \
    --jq '.[] | select(.user.login == "github-actions[bot]" and (.body | startswith(env.MARKER))) | .id' | tail -n 1)
if [ -n "$earlier" ]; then
    gh api -X PATCH "repos/$REPOSITORY/issues/comments/$earlier" -F "body=@$file" --silent
else
    gh api -X POST "repos/$REPOSITORY/issues/$pull/comments" -F "body=@$file" --silent
fi
echo "commented on #$pull"
