%% SPDX-License-Identifier: Apache-2.0
%% What the supervisor of this Erlang/OTP does with trees and scripts: the words of tests/data/otp-cases.txt, one
%% line `NAME: act, act, ...` for each case of a file of Erlang terms. All cases run at once, in real time.
%%
%%   {case, Name, Tree, [{Ms, Verb, Arguments...}]}
%%   Tree = {group, Name, Strategy, Intensity, Period, Auto, Restart, Significant, [Tree]}
%%        | {worker, Name, Restart, Significant, Shutdown, Term, Lives, Every, Broken}
%%   Term = exit | ignore | {Ms, Status}; a life is {Ms, Status} or lasts
%%
%% A line ends with `, ` and `overtaken` where a supervisor was asked to stop by its parent while it restarted: OTP
%% completes the restart, only to stop what it has started, and tradesup does not.
%%
%% Nothing of the supervisor is guessed: starts and failed starts are told by the function that it calls, ends by the
%% tracing of processes, an escalation by its own report, an automatic shutdown by what its handle_info/2 returns.
%% The traces' strict timestamps put all of it in order.
-module(otp_oracle).
-behaviour(supervisor).
-export([main/1, init/1, start_group/2, start_worker/2, log/2]).

-record(run, {name, table, collector}).

main([File]) ->
    ok = logger:remove_handler(default),
    ok = logger:add_handler(?MODULE, ?MODULE, #{}),
    [erlang:trace_pattern({supervisor, Function, 2}, [{'_', [], [{return_trace}]}], [])
     || Function <- [handle_info, handle_cast]],
    erlang:trace_pattern('receive', [{['_', '_', {'EXIT', '_', shutdown}], [], []}], []),
    ets:new(groups, [named_table, public]),
    {ok, Cases} = file:consult(File),
    Monitored = [spawn_monitor(fun() -> run(Case) end) || Case <- Cases],
    Ends = [receive {'DOWN', Reference, process, Pid, Reason} -> Reason end || {Pid, Reference} <- Monitored],
    [io:format(standard_error, "otp_oracle: ~p~n", [Reason]) || Reason <- Ends, Reason =/= normal],
    halt(case lists:usort(Ends) of [normal] -> 0; _ -> 1 end).

%% A case.

run({'case', Name, Tree, Script}) ->
    process_flag(trap_exit, true),
    Collector = spawn_link(fun() -> collect([]) end),
    Run = #run{name = Name, table = ets:new(Name, [public]), collector = Collector},
    remember(Run, none, Tree),
    Runner = self(),
    Parent = spawn_link(fun() -> be_parent(Runner, Run, Tree) end),
    Final = play(Run, Parent, erlang:monotonic_time(millisecond), Script),
    tell(Run, {final, Final}),
    erlang:trace_delivered(all),
    receive {trace_delivered, all, _} -> ok end,
    Collector ! {list, self()},
    receive {acts, Acts} -> io:put_chars([atom_to_list(Name), ": ", lists:join(", ", words(Run, lists:sort(Acts))), $\n]) end.

%% Who is in which group, and the description that a start by an operator needs.
remember(#run{table = Table} = Run, Parent, {group, Name, _, _, _, _, _, _, Children}) ->
    ets:insert(Table, {{parent, Name}, Parent}),
    [remember(Run, Name, Child) || Child <- Children];
remember(#run{table = Table}, Parent, Worker) ->
    Name = element(2, Worker),
    ets:insert(Table, [{{parent, Name}, Parent}, {{broken, Name}, element(9, Worker)}]).

%% The root's parent: the script goes on while the root is still starting.
be_parent(Runner, Run, Tree) ->
    process_flag(trap_exit, true),
    case start_group(Run, Tree) of
        {ok, Root} ->
            receive
                {'EXIT', Root, _} -> Runner ! {ended, ended(Run)};
                stop ->
                    exit(Root, shutdown),
                    receive {'EXIT', Root, _} -> Runner ! {ended, stopped} end
            end;
        {error, _} -> Runner ! {ended, start_failed}
    end.

%% The root ended by itself: why, its own report says.
ended(#run{table = Table}) ->
    case ets:member(Table, {escalated, root}) of
        true -> escalated;
        false -> shutdown
    end.

play(Run, Parent, Start, Script) ->
    Wait = case Script of
               [Next | _] -> max(0, Start + element(1, Next) - erlang:monotonic_time(millisecond));
               [] -> infinity
           end,
    receive
        {ended, How} -> refuse(Run, Script), How
    after Wait ->
        step(Run, Parent, hd(Script)),
        play(Run, Parent, Start, tl(Script))
    end.

%% Nobody is there to answer; those who have asked already are told first.
refuse(Run, Script) ->
    timer:sleep(20),
    [tell(Run, {reply, element(2, Step), asked_for(Step), error})
     || Step <- Script, lists:member(element(2, Step), [add, remove, stop, start])].

asked_for({_, add, _, Worker}) -> element(2, Worker);
asked_for({_, _, Name}) -> Name.

step(_, Parent, {_, 'end'}) ->
    Parent ! stop;
step(Run, _, {_, kill, Name}) ->
    with_worker(Run, Name, fun(Pid) -> ets:insert(Run#run.table, {{killed, Pid}}), exit(Pid, kill) end);
step(Run, _, {_, exit, Name, Status}) ->
    with_worker(Run, Name, fun(Pid) -> Pid ! {end_with, Status} end);
step(Run, _, {_, term, Name}) ->
    with_worker(Run, Name, fun(Pid) -> Pid ! term end);
step(Run, _, {_, broken, Name, Is}) ->
    ets:insert(Run#run.table, {{broken, Name}, Is});
step(Run, _, {_, add, Group, Worker}) ->
    Name = element(2, Worker),
    ask(Run, add, Name, Group, fun(Pid) ->
        Answer = supervisor:start_child(Pid, specification(Run, Worker)),
        [ets:insert(Run#run.table, {{parent, Name}, Group}) || element(1, Answer) =:= ok],
        Answer
    end);
step(Run, _, {_, Verb, Name}) ->
    Ask = case Verb of
              stop -> fun(Pid) -> supervisor:terminate_child(Pid, Name) end;
              start -> fun(Pid) -> supervisor:restart_child(Pid, Name) end;
              remove -> fun(Pid) -> supervisor:delete_child(Pid, Name) end
          end,
    case ets:lookup(Run#run.table, {parent, Name}) of
        [{_, Group}] -> ask(Run, Verb, Name, Group, Ask);
        [] -> tell(Run, {reply, Verb, Name, error})
    end.

%% In a process of its own, because it waits while the supervisor is busy.
ask(Run, Verb, Name, Group, Ask) ->
    spawn(fun() ->
        Answer = case ets:lookup(Run#run.table, {pid, Group}) of
                     [{_, Pid}] -> catch Ask(Pid);
                     [] -> error
                 end,
        tell(Run, {reply, Verb, Name, if Answer =:= ok; element(1, Answer) =:= ok -> ok; true -> error end})
    end).

with_worker(#run{table = Table}, Name, Do) ->
    case ets:lookup(Table, {pid, Name}) of
        [{_, Pid}] -> is_process_alive(Pid) andalso Do(Pid);
        [] -> none
    end.

%% Supervisors.

start_group(Run, Group) ->
    supervisor:start_link(?MODULE, {Run, Group}).

init({Run, {group, Name, Strategy, Intensity, Period, Auto, _, _, Children}}) ->
    ets:insert(groups, {self(), Run, Name, hd(get('$ancestors'))}),
    ets:insert(Run#run.table, {{pid, Name}, self()}),
    erlang:trace(self(), true, [call, 'receive', strict_monotonic_timestamp, {tracer, Run#run.collector}]),
    {ok, {#{strategy => Strategy, intensity => Intensity, period => Period, auto_shutdown => Auto},
          [specification(Run, Child) || Child <- Children]}}.

specification(Run, {group, Name, _, _, _, _, Restart, Significant, _} = Group) ->
    #{id => Name, start => {?MODULE, start_group, [Run, Group]}, restart => Restart, significant => Significant,
      shutdown => infinity, type => supervisor};
specification(Run, {worker, Name, Restart, Significant, Shutdown, _, _, _, _} = Worker) ->
    #{id => Name, start => {?MODULE, start_worker, [Run, Worker]}, restart => Restart, significant => Significant,
      shutdown => Shutdown, type => worker}.

%% A supervisor's own report that its limit is passed, in its own process.
log(#{msg := {report, #{label := {supervisor, shutdown}, report := Report}}}, _) ->
    [{_, Run, Name, _}] = ets:lookup(groups, self()),
    case proplists:get_value(reason, Report) of
        reached_max_restart_intensity ->
            ets:insert(Run#run.table, {{escalated, Name}}),
            tell(Run, {escalate, Name, self()});
        _ -> ok
    end;
log(_, _) ->
    ok.

%% Workers.

start_worker(#run{table = Table, collector = Collector} = Run, Worker) ->
    Name = element(2, Worker),
    case ets:lookup(Table, {broken, Name}) of
        [{_, true}] ->
            tell(Run, {fail, Name}),
            {error, broken};
        _ ->
            Life = ets:update_counter(Table, {life, Name}, 1, {{life, Name}, 0}),
            Supervisor = self(),
            Pid = spawn_link(fun() ->
                process_flag(trap_exit, true),
                Supervisor ! {ready, self()},
                receive go -> ok end,
                live(Run, Supervisor, Worker, Life)
            end),
            receive {ready, Pid} -> ok end,
            ets:insert(Table, [{{pid, Name}, Pid}, {{worker, Pid}, Name}]),
            erlang:trace(Pid, true, [procs, strict_monotonic_timestamp, {tracer, Collector}]),
            Pid ! go,
            tell(Run, {start, Name}),
            {ok, Pid}
    end.

live(Run, Supervisor, {worker, _, _, _, _, Term, Lives, Every, _}, Life) ->
    case if Life =< length(Lives) -> lists:nth(Life, Lives); true -> Every end of
        {Ms, Status} -> erlang:send_after(Ms, self(), {end_with, Status});
        lasts -> ok
    end,
    go_on(Run, Supervisor, Term, false).

%% @Ending: it is on its way out.
go_on(#run{table = Table} = Run, Supervisor, Term, Ending) ->
    Asked = ets:member(Table, {asked, self()}),
    receive
        {'EXIT', Supervisor, _} ->
            ets:insert(Table, {{asked, self()}}),
            terminate(Run, Supervisor, Term, Ending);
        term -> terminate(Run, Supervisor, Term, Ending);
        {end_with, _} when Asked -> exit(shutdown);
        {end_with, 0} -> exit(normal);
        {end_with, Status} -> exit({status, Status})
    end.

terminate(Run, Supervisor, exit, Ending) ->
    self() ! {end_with, 0},
    go_on(Run, Supervisor, ignore, Ending);
terminate(Run, Supervisor, {Ms, Status} = Term, false) ->
    erlang:send_after(Ms, self(), {end_with, Status}),
    go_on(Run, Supervisor, Term, true);
terminate(Run, Supervisor, Term, Ending) ->
    go_on(Run, Supervisor, Term, Ending).

%% The record.

tell(#run{collector = Collector}, Act) ->
    Collector ! {act, {erlang:monotonic_time(nanosecond), erlang:unique_integer([monotonic])}, Act},
    ok.

collect(Acts) ->
    receive
        {act, Time, Act} -> collect([{Time, Act} | Acts]);
        {trace_ts, Pid, exit, Reason, Time} -> collect([{Time, {exit, Pid, Reason}} | Acts]);
        {trace_ts, Pid, call, {supervisor, _, _}, Time} -> collect([{Time, {busy, Pid}} | Acts]);
        {trace_ts, Pid, return_from, {supervisor, _, 2}, {stop, shutdown, _}, Time} ->
            collect([{Time, {gives_up, Pid}} | Acts]);
        {trace_ts, Pid, return_from, {supervisor, _, 2}, _, Time} -> collect([{Time, {idle, Pid}} | Acts]);
        {trace_ts, Pid, 'receive', {'EXIT', From, shutdown}, Time} ->
            Asked = [{Time, {asked, Pid}} || ets:lookup_element(groups, Pid, 4) =:= From],
            collect(Asked ++ Acts);
        {list, Whom} -> Whom ! {acts, Acts};
        _ -> collect(Acts)
    end.

words(Run, Acts) ->
    [Word || {_, Act} <- Acts, Word <- [word(Run, Act, Acts)], Word =/= none]
        ++ ["overtaken" || is_overtaken(Acts, [])].

%% Whether a supervisor got its stop between a call of its and the end of that.
is_overtaken([{_, {busy, Pid}} | Acts], Busy) -> is_overtaken(Acts, [Pid | Busy]);
is_overtaken([{_, {asked, Pid}} | Acts], Busy) -> lists:member(Pid, Busy) orelse is_overtaken(Acts, Busy);
is_overtaken([{_, {_, Pid}} | Acts], Busy) -> is_overtaken(Acts, lists:delete(Pid, Busy));
is_overtaken([_ | Acts], Busy) -> is_overtaken(Acts, Busy);
is_overtaken([], _) -> false.

word(_, {start, Name}, _) -> ["start ", atom_to_list(Name)];
word(_, {fail, Name}, _) -> ["fail ", atom_to_list(Name)];
word(_, {escalate, Name, _}, _) -> ["escalate ", atom_to_list(Name)];
word(Run, {final, stopped}, Acts) ->
    [{_, Root}] = ets:lookup(Run#run.table, {pid, root}),
    %% Asked while it was about to end by itself.
    case lists:any(fun({_, Act}) -> Act =:= {gives_up, Root} end, Acts) of
        true -> ["final ", atom_to_list(ended(Run))];
        false -> "final stopped"
    end;
word(_, {final, How}, _) -> ["final ", atom_to_list(How)];
word(_, {reply, Verb, Name, How}, _) ->
    ["reply ", atom_to_list(Verb), " ", atom_to_list(Name), " ", atom_to_list(How)];
word(_, {gives_up, Pid}, Acts) ->
    case lists:any(fun({_, {escalate, _, Whose}}) -> Whose =:= Pid; (_) -> false end, Acts) of
        true -> none;
        false -> ["shutdown ", atom_to_list(ets:lookup_element(groups, Pid, 3))]
    end;
word(_, {What, _}, _) when What =:= busy; What =:= idle; What =:= asked -> none;
word(#run{table = Table}, {exit, Pid, Reason}, _) ->
    [{_, Name}] = ets:lookup(Table, {worker, Pid}),
    case {Reason, ets:member(Table, {killed, Pid}), ets:member(Table, {asked, Pid})} of
        {shutdown, _, _} -> ["stop ", atom_to_list(Name)];
        {killed, true, true} -> ["stop ", atom_to_list(Name)]; % by somebody else, but it went
        {killed, false, _} -> ["kill ", atom_to_list(Name)];
        {normal, _, _} -> ["exit ", atom_to_list(Name), " normal"];
        _ -> ["exit ", atom_to_list(Name), " abnormal"]
    end.
