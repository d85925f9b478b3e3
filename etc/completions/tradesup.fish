# SPDX-License-Identifier: Apache-2.0
# Completion of tradesup(1) for fish.

function __tradesup_workers
    tradesup status --json 2>/dev/null | string match -rga '"name":"([A-Za-z0-9._-]*)"'
end

function __tradesup_verb
    __fish_seen_subcommand_from $argv
end

complete -c tradesup -f
complete -c tradesup -s c -l config -r -F -d 'the configuration file'
complete -c tradesup -s h -l help -d 'print the help'
complete -c tradesup -n __fish_use_subcommand -s V -l version -d 'print the version'

complete -c tradesup -n __fish_use_subcommand -a run -d 'supervise the workers of the configuration, or one command'
complete -c tradesup -n __fish_use_subcommand -a check -d 'check a configuration and all that it names'
complete -c tradesup -n __fish_use_subcommand -a drill -d 'provoke every level of healing on real processes'
complete -c tradesup -n __fish_use_subcommand -a status -d 'show the supervisor and its workers'
complete -c tradesup -n __fish_use_subcommand -a why -d 'say in plain words what was decided about a worker, and why'
complete -c tradesup -n __fish_use_subcommand -a events -d 'print the events of the supervisor'
complete -c tradesup -n __fish_use_subcommand -a logs -d 'print what the workers wrote'
complete -c tradesup -n __fish_use_subcommand -a start -d 'start workers or groups that are down'
complete -c tradesup -n __fish_use_subcommand -a stop -d 'stop workers or groups, and leave them down'
complete -c tradesup -n __fish_use_subcommand -a restart -d 'stop workers or groups and start them again'
complete -c tradesup -n __fish_use_subcommand -a hold -d 'place no new orders, and leave the workers alive'
complete -c tradesup -n __fish_use_subcommand -a resume -d 'clear what stops orders: holds and tripped limits'
complete -c tradesup -n __fish_use_subcommand -a add -d 'start one more worker or group, until its group restarts'
complete -c tradesup -n __fish_use_subcommand -a remove -d 'take workers or groups that are down off the list'
complete -c tradesup -n __fish_use_subcommand -a ledger -d 'report a worker\'s clusters, orders, fills and positions'
complete -c tradesup -n __fish_use_subcommand -a healing -d 'show how often each healing step worked'
complete -c tradesup -n __fish_use_subcommand -a crashes -d 'list the crash reports, or print one'
complete -c tradesup -n __fish_use_subcommand -a version -d 'print the version'
complete -c tradesup -n __fish_use_subcommand -a help -d 'print the help of all, or of a verb'

complete -c tradesup -n '__tradesup_verb check drill status why events logs start stop restart hold resume add remove ledger healing crashes version' -l json -d 'print JSON instead of text'
complete -c tradesup -n '__tradesup_verb run' -l log-format -x -a 'logfmt json' -d 'the form of the log'
complete -c tradesup -n '__tradesup_verb run' -l log-level -x -a 'error warning notice info debug' -d 'the threshold of the log'
complete -c tradesup -n '__tradesup_verb drill' -l keep -d 'keep the temporary directory'
complete -c tradesup -n '__tradesup_verb events logs' -s f -l follow -d 'go on printing what comes'
complete -c tradesup -n '__tradesup_verb events logs' -s n -l lines -x -d 'how many past lines'
complete -c tradesup -n '__tradesup_verb events' -s w -l worker -x -a '(__tradesup_workers)' -d 'only this worker'
complete -c tradesup -n '__tradesup_verb start stop restart add remove' -s g -l group -x -d 'this group'
complete -c tradesup -n '__tradesup_verb hold resume' -l reason -x -d 'why; it is kept with the latch'
complete -c tradesup -n '__tradesup_verb crashes' -l last -d 'print the newest report'
complete -c tradesup -n '__tradesup_verb status why logs start stop restart hold resume remove ledger healing' -a '(__tradesup_workers)'
complete -c tradesup -n '__tradesup_verb help' -a 'run check drill status why events logs start stop restart hold resume add remove ledger healing crashes version'
