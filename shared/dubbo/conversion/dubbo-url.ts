/**
 * A Dubbo URL, decoded: of a provider, a consumer or a configurator. Providers that are registered at application
 * level only are brought into the same form.
 */
export interface DubboUrl {
  /** Lower case: `dubbo`, `tri`, `rest`, `consumer`, `override`, … */
  readonly protocol: string;
  /** IPv4 or IPv6 address without brackets, or host name. */
  readonly host: string;
  /** 0 if the URL has none. */
  readonly port: number;
  /** Without the leading slash; the interface, maybe behind a context path. */
  readonly path: string;
  /** Decoded parameters. `default.X` stands beside `X`. The prototype is null. */
  readonly parameters: Readonly<Record<string, string>>;
  /**
   * All parameters as they stand there, repeated ones too. Only where slime's reading depends on their order, which
   * `parameters` can't tell.
   */
  readonly pairs?: readonly (readonly [key: string, value: string])[];
}

/** The parameters one after the other. */
export function parametersInOrder(
  { parameters, pairs }: DubboUrl,
): readonly (readonly [key: string, value: string])[] {
  return pairs ?? Object.entries(parameters);
}

/** A parameter's value, or its provider-wide default of Dubbo 2.6 (`default.X`); empty if there is neither. */
export function parameterOf({ parameters }: DubboUrl, name: string): string {
  return parameters[name] || parameters[`default.${name}`] || "";
}
