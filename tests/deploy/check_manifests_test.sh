#!/usr/bin/env bash
# check_manifests_test.sh MONOPOD DEPLOY: check_manifests.sh finds each fault in a copy of the
# manifests below DEPLOY that has that fault.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
monopod=$1
deploy=$2
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# finds FILE SED-EXPRESSION COMPLAINT: after the edit of the file the checker complains.
finds() {
  rm -rf "$tree/deploy"
  mkdir "$tree/deploy"
  # The others would only cost time: that they are missing is one more complaint.
  cp -r "$deploy/${1%/*}" "$tree/deploy/"
  sed -i -E "$2" "$tree/deploy/$1"
  if cmp -s "$deploy/$1" "$tree/deploy/$1"; then
    echo "FAILED: $2 changes nothing in $1"
    failures=$((failures + 1))
  elif "$here/check_manifests.sh" "$monopod" "$tree/deploy" >"$tree/said" 2>&1 ||
    ! grep -qF -- "$3" "$tree/said"; then
    echo "FAILED: $2 in $1 is not found: $3"
    cat "$tree/said"
    failures=$((failures + 1))
  fi
}

finds cronjob/kustomization.yaml '/cronjob.yaml/d' 'other objects than expected'
finds cronjob/kustomization.yaml 's/lock.yaml/none.yaml/' 'does not build'
finds cronjob/cronjob.yaml 's|batch/v1|batch/v1beta1|' 'CronJob backup is of batch/v1beta1'
finds cronjob/cronjob.yaml 's/--no-wait/--no-await/' 'has no flag --no-await'
finds cronjob/cronjob.yaml 's/run, backup/run, backups/' 'has no right to the lock backups'
finds cronjob/cronjob.yaml 's/--ttl, 60s/--ttl, 5s/' 'does not allow the TTL 5s'
finds cronjob/cronjob.yaml 's/--ttl, 60s/--ttl, 300s/' 'terminationGracePeriodSeconds is 30'
finds cronjob/cronjob.yaml 's/name: NODE_NAME/name: NODE/' 'has no NODE_NAME'
finds cronjob/cronjob.yaml 's/readOnlyRootFilesystem: true/readOnlyRootFilesystem: false/' 'not hardened'
finds cronjob/cronjob.yaml 's/RuntimeDefault/Unconfined/' 'not hardened'
finds cronjob/cronjob.yaml '/limits:/d' 'no requests or limits'
finds cronjob/lock.yaml 's/\[get, update, watch\]/[get, update, watch, delete]/' 'delete, on leases'
finds cronjob/lock.yaml 's/resourceNames: \[backup\]/resourceNames: [other]/' 'has no right to the lock backup'
finds cronjob/lock.yaml 's/verbs: \[create\]/verbs: [create, delete]/' 'may create,delete, on leases'
finds cronjob/lock.yaml 's/create, backup\]/create, other]/' 'no Job creates the lock backup'
finds cronjob/lock.yaml 's/name: create-backup-lock$/name: creator/; s/Name: create-backup-lock$/Name: creator/' 'other objects than expected'
finds base-configmap/lock.yaml '/resourceNames: /d' 'may use every lock'
finds daemonset/daemonset.yaml 's|/monopod/monopod, run|/monopod/monopod, acquire|' 'nobody expects monopod acquire'
finds leader/deployment.yaml '/--label-pod/d' 'may patch pods, and need not'
finds leader/deployment.yaml 's/terminationGracePeriodSeconds: .*/terminationGracePeriodSeconds: 5/' 'terminationGracePeriodSeconds is 5'
finds leader/service.yaml '/monopod.dev/d' 'no Service selects'
finds flow-schema/flow-schema.yaml 's/name: web, /name: shop, /' '> example-web/shop'
((failures == 0)) || exit 1
