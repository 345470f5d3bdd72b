import type { NacosError } from "../../../shared/nacos/nacos-error.ts";
import type { NacosInstance, NacosNaming, ServiceName } from "../../../shared/nacos/nacos.ts";
import type { BeliefTimes, ServiceBelief } from "./belief.ts";

/** A service of a namespace, and what is known of it. */
export interface FollowedService {
  readonly service: ServiceName;
  belief: ServiceBelief;
  /** How many snapshots of it came: an answer that one of them overtook is of the past. */
  snapshots: number;
  /** Another replica reads it. */
  isReleased: boolean;
  /** It was read by another replica before: its first snapshot is no change that Nacos named. */
  isTakenOver: boolean;
  /** Since when no list has had it, in milliseconds; undefined: the last one has it. */
  unlistedMs: number | undefined;
  isRefused: boolean;
  /** When what is believed changed last. */
  changedMs: number;
}

/** What a `NamespaceFollower` tells, synchronously and in Nacos' order. */
export interface NamespaceListener {
  /** What is believed of a service changed: its instances, or what is wrong with them. */
  believed(service: ServiceName, belief: ServiceBelief, isFirst: boolean): void;
  /** A service that had no instances for long isn't followed any more. */
  forgotten(service: ServiceName): void;
  /** A service that another replica reads isn't read here any more: it is unknown, not gone. */
  released(service: ServiceName): void;
  /** A service is to be read (again), and nothing is known of it before that; or something is. */
  unread(service: ServiceName, isUnread: boolean): void;
  /** A new connection tells of everything again. */
  readBegan(): void;
  /** The server has told of every service, this many seconds after the connection began; or the namespace can't be read. */
  readEnded(seconds: number, error: string | undefined): void;
  /** `NamespaceFollower.state` or `NamespaceFollower.isUnsure` may be another. */
  progressed(): void;
  /** A service, or (without one) the list of services, is refused to us; undefined: not any more. */
  refused(service: ServiceName | undefined, error: NacosError | undefined): void;
  /** A request had this outcome. */
  requested(success: boolean): void;
}

/** What a `NamespaceFollower` needs. */
export interface NamespaceFollowerOptions {
  readonly naming: NacosNaming;
  readonly times: BeliefTimes;
  /** See `ServiceBelief`. */
  readonly keepsHealth: boolean;
  /** False for services that the configuration leaves out: they are never subscribed to. */
  wants(service: ServiceName): boolean;
  /** False for services that another replica reads; `instances` are those that the service has. */
  keeps(service: ServiceName, instances: readonly NacosInstance[]): boolean;
  readonly listener: NamespaceListener;
}
