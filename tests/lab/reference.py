"""A second, slow model of the pool, to compare the simulator with request by request.

It shares nothing with csrc/lab but the description in uwoffload.h: simpy keeps the events, here
each worker is an object, each queue a list, and each duration is summed up where it ends.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import simpy

from uwoffload.cheaper import Readings, Scaler
from uwoffload.lab.pool import Pool
from uwoffload.lab.result import LEFT, LOST, REJECTED

# What falls on one instant happens in this order.
FINISH, CHANGE, SCRIPT, ARRIVE, TICK = (kind << 32 for kind in range(1, 6))
MONO_US = 1_000_000_000
WORD = 2**64 - 1


def mixed(value: int) -> int:
    """The finishing steps of MurmurHash3."""
    value = ((value ^ value >> 33) * 0xFF51AFD7ED558CCD) & WORD
    value = ((value ^ value >> 33) * 0xC4CEB9FE1A85EC53) & WORD
    return value ^ value >> 33


@dataclass
class Request:
    number: int
    arrival_us: int
    service_us: int


@dataclass
class Worker:
    number: int
    state: str = "cheaped"  # cheaped, starting, ready, draining, dead
    serving: dict[int, tuple[Request, int]] = field(default_factory=dict)  # by thread; began
    life: int = 0  # a death makes events of the old life void
    since_us: int = 0
    fresh: bool = False
    started_s: int = 0
    ready_us: int | None = None
    busy_us: int = 0
    served_us: int = 0  # of finished requests

    @property
    def doing(self) -> str:
        """What its time counts as."""
        if self.serving:
            return "busy"
        return {"ready": "idle"}.get(self.state, self.state)


class Reference:
    """The whole run.  `scaler` is asked at each tick; None: nobody is."""

    def __init__(
        self,
        arrivals: list[int],
        services: list[int],
        horizon_us: int,
        pool: Pool,
        scaler: Scaler | None,
        workers: int,
        seed: int,
        target_us: int,
    ) -> None:
        self.env = simpy.Environment()
        self.pool, self.scaler, self.seed, self.horizon_us = pool, scaler, seed, horizon_us
        self.target_us = target_us
        self.workers = [Worker(number) for number in range(1, pool.workers_max + 1)]
        self.free: list[tuple[int, int]] = []  # (worker number, thread); the next is last or first
        self.queues: dict[int, deque[Request]] = {
            number: deque() for number in range(pool.workers_max + 1)
        }  # 0: the shared one
        self.waits: list[int] = [0] * len(arrivals)
        self.waited: list[int] = []
        self.killed: list[int] = []  # numbers of requests
        self.count: Counter[str] = Counter()
        self.time: Counter[str] = Counter()
        self.rows: list[dict[str, Any]] = []
        self.readings: list[dict[str, Any]] = []
        self.wall_us = pool.wall_us
        self.fork_failures = self.manual = 0
        self.last_spawn_us = self.last_stop_us = -(10**18)
        self.since = Counter[str]()  # the last tick
        self.tick_from_us = self.noted_us = 0
        self.requests = [
            Request(number, *times)
            for number, times in enumerate(zip(arrivals, services, strict=True))
        ]
        for number in range(1, workers + 1):
            self.begin_life(self.workers[number - 1])
        self.order_free()
        self.note_pool()
        self.active_before = workers
        if scaler is not None:
            scaler.begin(self.read())
        for request in self.requests:
            self.at(request.arrival_us, ARRIVE + request.number, self.arrive, request)
        for index, event in enumerate(pool.events):
            self.at(event.at_us, SCRIPT + index, self.script, event)
        for tick_us in range(pool.tick_us, horizon_us, pool.tick_us):
            self.at(tick_us, TICK, self.tick)

    # ---- simpy ----

    @property
    def now_us(self) -> int:
        return int(self.env.now)

    def at(self, at_us: int, rank: int, action: Callable[..., None], *given: Any) -> None:
        event = simpy.Event(self.env)
        event._ok, event._value = True, None
        event.callbacks.append(lambda _: self.happens(action, given))
        self.env.schedule(event, priority=rank, delay=at_us - self.now_us)

    def happens(self, action: Callable[..., None], given: tuple[Any, ...]) -> None:
        self.pool_goes_on()
        action(*given)

    def run(self) -> Reference:
        self.env.run(until=self.at_the_end())
        self.pool_goes_on()
        self.close_tick()
        for worker in self.workers:
            self.time_goes_on(worker)
            self.count["left_serving"] += len(worker.serving)
            self.time["served"] += sum(self.now_us - began for _, began in worker.serving.values())
        for queue in self.queues.values():
            for request in queue:
                self.count["left_waiting"] += 1
                self.waits[request.number] = LEFT
                self.waited.append(self.now_us - request.arrival_us)
        return self

    def at_the_end(self) -> simpy.Event:
        """Requests that finish at the horizon do so, nothing else of that instant happens."""
        end = simpy.Event(self.env)
        end._ok, end._value = True, None
        self.env.schedule(end, priority=CHANGE - 1, delay=self.horizon_us)
        return end

    # ---- time ----

    def time_goes_on(self, worker: Worker) -> None:
        """Count what it did up to now; before anything about it changes."""
        passed = self.now_us - worker.since_us
        if worker.doing in ("busy", "idle", "starting", "draining"):
            self.time[worker.doing] += passed
            self.time["worker"] += passed
        if worker.doing == "busy":
            worker.busy_us += passed
        worker.since_us = self.now_us

    def pool_goes_on(self) -> None:
        """The same for the pool as a whole."""
        passed = self.now_us - self.noted_us
        self.time["at_max"] += passed * (self.active() == self.pool.workers_max)
        ready = sum(worker.state == "ready" for worker in self.workers)
        self.since["ready_us"] += passed * ready * self.pool.threads
        self.noted_us = self.now_us

    def close_tick(self) -> int:
        """The demand since the last tick, and what was missing then."""
        demand_us = self.demand_us(self.tick_from_us, self.now_us)
        self.time["under"] += max(0, demand_us - self.since["ready_us"])
        self.since["ready_us"] = 0
        self.tick_from_us = self.now_us
        return demand_us

    def active(self) -> int:
        return sum(worker.state in ("ready", "starting") for worker in self.workers)

    def note_pool(self) -> None:
        """After anything changed: peaks."""
        there = [worker for worker in self.workers if worker.state not in ("cheaped", "dead")]
        busy = sum(worker.doing == "busy" for worker in there)
        idle_rss, busy_rss = self.pool.idle_rss, self.pool.busy_rss or self.pool.idle_rss
        memory = busy * busy_rss + (len(there) - busy) * idle_rss
        self.count["memory_peak"] = max(self.count["memory_peak"], memory)
        self.count["workers_peak"] = max(self.count["workers_peak"], len(there))
        queued = sum(map(len, self.queues.values()))
        self.count["queue_max"] = max(self.count["queue_max"], queued)

    # ---- requests ----

    def queue_of(self, worker: Worker) -> deque[Request]:
        return self.queues[worker.number if self.pool.queues == "per-worker" else 0]

    def arrive(self, request: Request) -> None:
        rejected = self.count["rejected"]
        worker, thread = self.taker(request)
        limit = self.pool.listen_queue_limit
        if worker is not None and thread is not None:
            self.serve(worker, thread, request)
        elif worker is None and self.pool.queues == "per-worker":
            self.count["rejected"] += 1
            self.waits[request.number] = REJECTED
        else:
            queue = self.queues[worker.number if worker else 0]
            if limit and len(queue) >= limit + self.pool.accept_ahead:
                self.count["rejected"] += 1
                self.waits[request.number] = REJECTED
            else:
                queue.append(request)
        self.since["arrivals"] += self.count["rejected"] == rejected
        self.note_pool()

    def taker(self, request: Request) -> tuple[Worker | None, int | None]:
        """The worker and its thread; a worker without a thread: it must wait there."""
        if self.pool.queues == "shared":
            if not self.free:
                return None, None
            number, thread = self.free.pop(-1 if self.pool.idle_order == "last first" else 0)
            return self.workers[number - 1], thread
        listening = [worker for worker in self.workers if worker.state == "ready"]
        if not listening:
            return None, None
        mark = mixed(self.seed ^ mixed(request.number + 1)) >> 32
        worker = listening[mark * len(listening) >> 32]
        threads = [one for one in range(self.pool.threads) if one not in worker.serving]
        return worker, threads[0] if threads else None

    def serve(self, worker: Worker, thread: int, request: Request) -> None:
        self.time_goes_on(worker)
        service_us = request.service_us
        if worker.fresh:
            worker.fresh = False
            service_us += self.pool.first_request_us
            self.count["penalised"] += 1
        worker.serving[thread] = (request, self.now_us)
        self.waits[request.number] = self.now_us - request.arrival_us
        self.waited.append(self.now_us - request.arrival_us)
        rank = FINISH + worker.number * 64 + thread
        self.at(self.now_us + service_us, rank, self.finish, worker, thread, worker.life)

    def finish(self, worker: Worker, thread: int, life: int) -> None:
        if life != worker.life:
            return
        self.time_goes_on(worker)
        _, began_us = worker.serving.pop(thread)
        worker.served_us += self.now_us - began_us
        self.time["served"] += self.now_us - began_us
        self.count["finished"] += 1
        self.since["completions"] += 1
        own = self.pool.queues == "per-worker" and self.queues[worker.number]
        if worker.state == "ready" or own:
            self.next(worker, thread)
        elif not worker.serving:
            self.leave(worker)
        self.note_pool()

    def next(self, worker: Worker, thread: int) -> None:
        queue = self.queue_of(worker)
        if queue:
            self.serve(worker, thread, queue.popleft())
        elif self.pool.queues == "shared":
            self.free.append((worker.number, thread))

    # ---- workers ----

    def begin_life(self, worker: Worker) -> None:
        """One of the start."""
        worker.started_s = self.wall_us // 10**6
        if self.pool.cold:
            self.launch(worker)
            return
        worker.state, worker.ready_us = "ready", self.now_us
        self.free += [(worker.number, thread) for thread in range(self.pool.threads)]
        if self.pool.queues == "per-worker":
            self.free.clear()

    def order_free(self) -> None:
        """At the start the first worker is the first in turn."""
        if self.pool.idle_order == "last first":
            self.free.reverse()

    def launch(self, worker: Worker) -> bool:
        self.time_goes_on(worker)
        if self.fork_failures:
            self.fork_failures -= 1
            self.count["forks_failed"] += 1
            worker.state = "dead"
            return False
        worker.state, worker.fresh, worker.ready_us = "starting", True, None
        worker.started_s = (self.wall_us + self.now_us) // 10**6
        worker.life += 1
        ready_us = self.now_us + self.pool.startup_us
        self.at(ready_us, CHANGE + worker.number, self.ready, worker, worker.life)
        return True

    def ready(self, worker: Worker, life: int) -> None:
        if life != worker.life or worker.state != "starting":
            return
        self.time_goes_on(worker)
        worker.state, worker.ready_us = "ready", self.now_us
        threads = list(range(self.pool.threads))
        while threads and self.queue_of(worker):
            self.next(worker, threads.pop(0))
        if self.pool.idle_order == "last first":
            threads.reverse()
        for thread in threads:
            self.next(worker, thread)
        self.note_pool()

    def start(self, worker: Worker) -> None:
        if worker.state in ("cheaped", "dead") and self.launch(worker):
            self.count["spawns"] += 1
            self.count["flaps"] += self.now_us - self.last_stop_us <= self.pool.flap_us
            self.last_spawn_us = self.now_us
        self.note_pool()

    def stop(self, worker: Worker) -> None:
        if worker.state not in ("ready", "starting"):
            return
        self.time_goes_on(worker)
        worker.state = "draining"
        self.free = [place for place in self.free if place[0] != worker.number]
        if not worker.serving:
            self.leave(worker)
        self.count["stops"] += 1
        self.count["flaps"] += self.now_us - self.last_spawn_us <= self.pool.flap_us
        self.last_stop_us = self.now_us

    def leave(self, worker: Worker) -> None:
        gone_us = self.now_us + self.pool.drain_us
        self.at(gone_us, CHANGE + worker.number, self.gone, worker, worker.life)

    def gone(self, worker: Worker, life: int) -> None:
        if life == worker.life and worker.state == "draining":
            self.time_goes_on(worker)
            worker.state, worker.ready_us = "cheaped", None

    def die(self, worker: Worker) -> None:
        if worker.state in ("cheaped", "dead"):
            return
        self.time_goes_on(worker)
        self.count["deaths"] += 1
        self.count["killed"] += len(worker.serving)
        self.killed += [request.number for request, _ in worker.serving.values()]
        self.time["served"] += sum(self.now_us - began for _, began in worker.serving.values())
        worker.serving.clear()
        worker.life += 1
        self.free = [place for place in self.free if place[0] != worker.number]
        for request in self.queues[worker.number]:
            self.waits[request.number] = LOST
            self.count["lost"] += 1
        self.queues[worker.number].clear()
        was = worker.state
        worker.state, worker.ready_us = "cheaped" if was == "draining" else "dead", None
        if worker.state == "dead" and self.pool.respawn:
            self.count["respawns"] += self.launch(worker)
        self.note_pool()

    def script(self, event: Any) -> None:
        if event.kind == "forks fail":
            self.fork_failures += event.value
        elif event.kind == "manual":
            self.manual += event.value
        elif event.kind == "clock step":
            self.wall_us += event.value
        else:
            act = {"death": self.die, "start": self.start, "stop": self.stop}[event.kind]
            act(self.workers[event.number - 1])

    # ---- ticks ----

    def demand_us(self, begin_us: int, end_us: int) -> int:
        """Time within, had each request been served on arrival."""
        return sum(
            max(0, min(one.arrival_us + one.service_us, end_us) - max(one.arrival_us, begin_us))
            for one in self.requests
        )

    def oldest_us(self) -> int:
        waiting = [queue[0].arrival_us for queue in self.queues.values() if queue]
        return self.now_us - min(waiting, default=self.now_us)

    def read(self) -> Readings:
        ahead = self.pool.accept_ahead
        lengths = [len(queue) for queue in self.queues.values()]
        found = Readings(
            self.pool.workers_max,
            wall_s=(self.wall_us + self.now_us) // 10**6,
            wall_us=self.wall_us + self.now_us,
            mono_us=MONO_US + self.now_us,
            listen_queue=max(max(0, length - ahead) for length in lengths),
            listen_queue_limit=self.pool.listen_queue_limit,
            waiting=sum(min(length, ahead) for length in lengths),
            manual=self.manual,
            oldest_wait_us=self.oldest_us() if ahead else 0,
            arrivals=self.since["arrivals"],
            completions=self.since["completions"],
        )
        for worker in self.workers:
            self.time_goes_on(worker)
            reading = found.worker(worker.number)
            reading.state = worker.state if worker.state != "ready" else worker.doing
            reading.busy_us, reading.running_time_us = worker.busy_us, worker.served_us
            reading.in_request = len(worker.serving)
            reading.started_s = worker.started_s
            if worker.ready_us is not None:
                reading.ready_since_us = MONO_US + worker.ready_us
            if worker.state not in ("cheaped", "dead"):
                busy_rss = self.pool.busy_rss or self.pool.idle_rss
                reading.rss = busy_rss if worker.serving else self.pool.idle_rss
        self.manual = self.since["arrivals"] = self.since["completions"] = 0
        return found

    def tick(self) -> None:
        delta, demand_us = 0, self.close_tick()
        if self.scaler is not None:
            readings = self.read()
            self.readings.append(readings.to_dict())
            verdict = self.scaler.tick(readings)
            delta = verdict.delta
            for number in verdict.stop:
                self.stop(self.workers[number - 1])
            for number in verdict.start:
                self.start(self.workers[number - 1])
        ready = [worker for worker in self.workers if worker.state == "ready"]
        active = self.active()
        self.rows.append(
            {
                "t": self.now_us / 10**6,
                "oldest": self.oldest_us(),
                "demand_us": demand_us,
                "active": active,
                "ready": len(ready),
                "busy": sum(bool(worker.serving) for worker in ready),
                "starting": active - len(ready),
                "draining": sum(worker.state == "draining" for worker in self.workers),
                "queue": sum(map(len, self.queues.values())),
                "delta": delta,
            }
        )
        self.count["total_variation"] += abs(active - self.active_before)
        self.count["ticks"] += 1
        self.active_before = active
