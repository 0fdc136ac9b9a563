#!/usr/bin/env bash
# check_manifests.sh MONOPOD DEPLOY: builds every kustomization below the folder DEPLOY with the
# kubectl that is on the PATH, and names what is not as it must be:
#   - the objects of each are the expected ones;
#   - the accounts of holders may neither create nor delete, and every lock that their pods name is
#     in their rule, and created by a Job whose account may do no more than that;
#   - each command line of monopod has only flags that it knows, and times that the store allows;
#   - pods are hardened, know their names, and get enough time to end.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
monopod=$(readlink -f "$1")
deploy=$(readlink -f "$2")
# No cluster is asked, and no one's configuration counts.
export KUBECONFIG=/dev/null
unset MONOPOD_STORE KUBERNETES_SERVICE_HOST

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
fails() {
  echo "FAILED: $folder: $*"
  failures=$((failures + 1))
}

lock_objects='Role/LOCK Role/create-LOCK-lock RoleBinding/LOCK RoleBinding/create-LOCK-lock
  ServiceAccount/LOCK ServiceAccount/create-LOCK-lock Job/create-LOCK-lock'
declare -A expected=(
  [base]=${lock_objects//LOCK/my-lock}
  [base-configmap]=${lock_objects//LOCK/my-lock}
  [cronjob]="${lock_objects//LOCK/backup} Namespace/example-backup CronJob/backup"
  [daemonset]="${lock_objects//LOCK/node-work} Namespace/example-node-work DaemonSet/node-work"
  [leader]="${lock_objects//LOCK/web} Namespace/example-web Deployment/web Service/web"
  [flow-schema]='FlowSchema/monopod-locks'
)
declare -A group_version=(
  [Namespace]=v1 [ServiceAccount]=v1 [Service]=v1 [Role]=rbac.authorization.k8s.io/v1
  [RoleBinding]=rbac.authorization.k8s.io/v1 [Job]=batch/v1 [CronJob]=batch/v1
  [DaemonSet]=apps/v1 [Deployment]=apps/v1 [FlowSchema]=flowcontrol.apiserver.k8s.io/v1
)

# What the program says of itself, asked once.
help_of() {
  [[ -f $work/help-$1 ]] || { "$monopod" --help && "$monopod" "$1" --help; } >"$work/help-$1"
  cat "$work/help-$1"
}

# seconds_of TTL WHAT: one of the times of a hold with that TTL on a Lease.
seconds_of() {
  "$monopod" explain --ttl "$1" --store lease: -o json 2>>"$work/said" |
    sed -nE "s/^ *\"$2_seconds\": ([0-9.]+),?$/\1/p" || true
}

at_least() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }'; }

# Of one command line of monopod: the words behind the program's name are in `words`.
check_flags() {
  local command=${words[0]} word
  for word in "${words[@]:1}"; do
    [[ $word != -- ]] || break
    [[ $word == -* ]] || continue
    help_of "$command" | grep -qE -- "(^|[ ,])${word%%=*}([ ,=]|\$)" ||
      fails "monopod $command has no flag $word"
  done
}

flag_value() {
  local i
  for ((i = 0; i < ${#words[@]}; i++)); do
    [[ ${words[$i]} != -- ]] || break
    [[ ${words[$i]} != "$1" ]] || echo "${words[$((i + 1))]}"
  done
}

# A lock's holder gets its time: a command that ends when it is told to, and 5 s for what it left and
# the release; a leader all the time until it must be dead, and 6 s for label and release.
check_grace() {
  local ttl kill term needed
  ttl=$(flag_value --ttl)
  kill=$(seconds_of "${ttl:-15s}" kill_after)
  term=$(seconds_of "${ttl:-15s}" term_after)
  if [[ -z $kill || -z $term ]]; then
    fails "a Lease does not allow the TTL $ttl: $(tail -1 "$work/said")"
    return
  fi
  needed=$(awk -v leads="$1" -v kill="$kill" -v term="$term" \
    'BEGIN { print leads == "elect" ? kill + 6 : kill - term + 5 }')
  at_least "${grace/<no value>/30}" "$needed" ||
    fails "terminationGracePeriodSeconds is $grace, and the pod of $account needs $needed"
}

check_container() {
  local needed
  [[ $secure == 'false true ALL' ]] || fails "the container $container is not hardened"
  [[ $resources == requests+limits ]] || fails "the container $container has no requests or limits"
  [[ ${words[0]:-} =~ (^|/)monopod$ ]] || return 0
  commands=$((commands + 1))
  words=("${words[@]:1}")
  check_flags
  case ${words[0]} in
    create) created+=" ${words[1]} " && creators+=" $account " ;;
    run | elect)
      held+="$account ${words[1]}"$'\n'
      check_grace "${words[0]}"
      for needed in POD_NAME POD_NAMESPACE NODE_NAME; do
        [[ " ${variables[*]} " == *" $needed "* ]] || fails "the container $container has no $needed"
      done
      [[ ${words[0]} == run ]] || [[ " ${words[*]} " != *' --label-pod '* ]] || labels=1
      ;;
    *) fails "nobody expects monopod ${words[0]} here" ;;
  esac
}

# allowed ACCOUNT: its rules, one a line: verbs, resources, names, each with commas behind.
allowed() {
  local role
  while read -r role; do
    grep -P "^rule\t$role\t" "$work/facts" | cut -f 3-5
  done < <(grep -P "^binding\t$1\t" "$work/facts" | cut -f 3)
}

check_holder() {
  local verbs resources names count=0
  while IFS=$'\t' read -r verbs resources names; do
    count=$((count + 1))
    case "$verbs on $resources" in
      'get,update,watch, on leases,' | 'get,update,watch, on configmaps,')
        [[ -n $names ]] || fails "the account $1 may use every lock"
        ;;
      'patch, on pods,') ((labels == 1)) || fails "the account $1 may patch pods, and need not" ;;
      *) fails "the account $1 may $verbs on $resources" ;;
    esac
  done < <(allowed "$1")
  ((count > 0)) || fails "the account $1 has no rights"
}

check_creator() {
  local verbs resources names
  while IFS=$'\t' read -r verbs resources names; do
    case "$verbs on $resources" in
      'create, on leases,' | 'create, on configmaps,') ;;
      'get, on leases,' | 'get, on configmaps,') [[ -n $names ]] || fails "the account $1 may read all" ;;
      *) fails "the account $1 may $verbs on $resources" ;;
    esac
  done < <(allowed "$1")
}

check_objects() {
  local kind name version
  cut -f 2,3 <(grep -P '^object\t' "$work/facts") | tr '\t' / | sort >"$work/there"
  tr -s ' \n' '\n' <<<"${expected[$folder]:-}" | grep . | sort >"$work/expected"
  diff "$work/expected" "$work/there" >"$work/difference" ||
    fails "other objects than expected (< expected, > there): $(cat "$work/difference")"
  while IFS=$'\t' read -r _ kind name version; do
    [[ ${group_version[$kind]:-} == "$version" ]] || fails "$kind $name is of $version"
  done < <(grep -P '^object\t' "$work/facts")
}

check_pods() {
  local what first second third
  while IFS=$'\t' read -r what first second third; do
    case $what in
      pod)
        account=$first
        grace=$second
        [[ $third == 'true RuntimeDefault' ]] || fails "the pod of $account is not hardened"
        ;;
      container)
        container=$first
        secure=$second
        resources=$third
        words=()
        variables=()
        ;;
      word) words+=("$(sed 's/^"//; s/"$//' <<<"$first")") ;;
      env) variables+=("$first") ;;
      end) check_container ;;
    esac
  done <"$work/facts"
}

check_locks() {
  local account lock
  if grep -P '^binding\t' "$work/facts" | grep -qvP '\tsame$'; then
    fails 'a binding is for an account of another namespace'
  fi
  while read -r account lock; do
    [[ -n $account ]] || continue
    cut -f 3 <(allowed "$account") | tr , '\n' | grep -qxF -- "$lock" ||
      fails "the account $account has no right to the lock $lock"
    [[ $created == *" $lock "* ]] || fails "no Job creates the lock $lock"
  done <<<"$held"
  while IFS=$'\t' read -r _ _ account _; do
    if [[ $creators == *" $account "* ]]; then check_creator "$account"; else check_holder "$account"; fi
  done < <(grep -P '^object\tServiceAccount\t' "$work/facts")
  ((labels == 0)) || grep -qP '^selector\tmonopod\.dev/leader=true$' "$work/facts" ||
    fails 'no Service selects the pod that leads'
}

command -v kubectl >/dev/null || { echo 'FAILED: kubectl is missing' && exit 1; }
holders=$work/holders
: >"$holders"
commands=0
for kustomization in "$deploy"/*/kustomization.yaml; do
  folder=$(basename "$(dirname "$kustomization")")
  created='' creators='' held='' labels=0
  : >"$work/said"
  if ! kubectl kustomize "$deploy/$folder" >"$work/built.yaml" 2>"$work/said" ||
    ! kubectl annotate --local -f "$work/built.yaml" checked=yes \
      -o go-template-file="$here/manifest.gotemplate" >"$work/facts" 2>"$work/said"; then
    fails "does not build: $(cat "$work/said")"
    continue
  fi
  check_objects
  check_pods
  check_locks
  namespace=$(sed -nE 's/^namespace: //p' "$kustomization")
  sed "/^\$/d; s|^\([^ ]*\) .*|$namespace/\1|" <<<"$held" >>"$holders"
  grep -P '^flow\t' "$work/facts" | cut -f 2 >"$work/flows" || true
  [[ ! -s $work/flows ]] || cp "$work/flows" "$work/all-flows"
done
folder=all
for name in "${!expected[@]}"; do
  [[ -f $deploy/$name/kustomization.yaml ]] || fails "the folder $name is missing"
done
((commands > 0)) || fails 'no command line of monopod was found'
diff <(sort -u "$holders") <(sort -u "$work/all-flows") >"$work/difference" ||
  fails "the FlowSchema is for others than the examples (< examples): $(cat "$work/difference")"
((failures == 0)) || exit 1
echo "$commands command lines of monopod"
