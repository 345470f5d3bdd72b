import { errorText, isMeshError } from "../../../shared/runtime/errors.ts";
import type { ZooKeeper } from "../../../shared/zookeeper/zookeeper.ts";
import type { Directory, RegistryTree } from "./registry-tree.ts";
import { interfaceNameOf } from "./tree-paths.ts";
import type { TreePath, TreeRoots } from "./tree-paths.ts";

/** Receives the changes of the tree, after a read or an event. */
export interface TreeListener {
  /** `providers`: how many more there are now, or fewer. */
  interfaceChanged(interfaceName: string, providers: number): void;
  /** All directories of an interface have been read. */
  interfaceRead(interfaceName: string): void;
  /** An instance of an application came (1), went (-1) or has other content (0). */
  applicationChanged(path: string, instances: number): void;
  /** A node can't be read; its neighbours are. */
  unreadable(path: string, reason: string): void;
}

/** Options of a reader. */
export interface TreeReaderOptions {
  readonly zooKeeper: ZooKeeper;
  readonly tree: RegistryTree;
  readonly roots: TreeRoots;
  readonly readsConfigurators: boolean;
  readonly classify: (path: string) => TreePath;
  readonly listener: TreeListener;
}

/** A directory of an interface, and its path below the interface's node. */
interface DirectoryPath {
  readonly directory: Directory;
  readonly path: string;
}

/** Interfaces that are read with one request: with two directories each these are the 100 that the client takes. */
const mostTogether = 50;

/**
 * Reads ZooKeeper into the tree: everything, or what a one-shot watch pointed at. Whatever is read replaces what was
 * known of that directory, so reading twice does no harm.
 */
export class TreeReader {
  readonly #options: TreeReaderOptions;
  readonly #interfacesPath: string;
  /** The directories that are read below an interface. */
  readonly #directories: readonly DirectoryPath[];
  /** True while each read has to set a watch, because one watch for everything isn't to be had. */
  watches = false;
  /** False while the node of all interfaces doesn't exist. */
  rootExists = true;
  /** Raw names of the interfaces' nodes that were read, each with its watches where those are set. */
  #nodes: ReadonlySet<string> = new Set();
  /** Application nodes that the running complete read has seen; undefined between such reads. */
  #seen: Set<string> | undefined;

  constructor(options: TreeReaderOptions) {
    this.#options = options;
    const { roots, readsConfigurators } = options;
    this.#interfacesPath = roots.interfaces.replace(/\/+$/, "");
    this.#directories = [
      { directory: "providers", path: "providers" },
      ...(roots.consumers === undefined ? [] : [{ directory: "consumers" as const, path: roots.consumers }]),
      ...(readsConfigurators ? [{ directory: "configurators" as const, path: "configurators" }] : []),
    ];
  }

  /**
   * Reads everything; `atOnce` interfaces and applications at a time.
   * @throws MeshError `registry-unavailable` or `protocol-violation` if the connection ends meanwhile.
   */
  async readAll(atOnce: number): Promise<void> {
    const seen = new Set<string>();
    this.#seen = seen;
    this.#nodes = new Set();
    try {
      await this.readInterfaces(atOnce);
      for (const root of this.#options.roots.applications) {
        await this.readApplications(root.replace(/(?<=.)\/+$/, ""), atOnce);
      }
      for (const path of this.#options.tree.applicationNodes.keys()) {
        if (!seen.has(path)) this.removeApplicationNode(path);
      }
    } finally {
      this.#seen = undefined;
    }
  }

  /** Reads the root of the interfaces, and the interfaces below it that weren't read yet. */
  async readInterfaces(atOnce: number): Promise<void> {
    const names = await this.#list(this.#interfacesPath === "" ? "/" : this.#interfacesPath);
    this.rootExists = names !== undefined;
    const nodes = (names ?? []).filter((name) =>
      this.#options.classify(`${this.#interfacesPath}/${name}`).kind === "interface-directory"
    );
    const present = new Set(nodes.map((node) => interfaceNameOf(node, this.#options.roots)));
    for (const name of this.#options.tree.interfaces) {
      if (present.has(name)) continue;
      for (const { directory } of this.#directories) this.#replace(name, directory, []);
    }
    const known = this.#nodes;
    this.#nodes = new Set(nodes);
    const unread = nodes.filter((name) => !known.has(name));
    // Several requests are under way, so that neither side waits for the other.
    const together = this.watches ? 1 : Math.max(1, Math.min(mostTogether, Math.floor(atOnce / 4)));
    await inParallel(groupsOf(unread, together), Math.ceil(atOnce / together), async (group) => {
      await this.#readInterfaceNodes(group);
    });
  }

  /** Reads all directories of some interfaces; `nodeNames` are the raw names of their nodes. */
  async #readInterfaceNodes(nodeNames: readonly string[]): Promise<void> {
    const { zooKeeper, listener, roots } = this.#options;
    const directories = this.#directories;
    const paths = nodeNames.flatMap((name) => directories.map((directory) => this.#below(name, directory)));
    const lists = this.watches ? paths.map((path) => this.#list(path)) : zooKeeper.getChildrenOf(paths);
    await Promise.all(nodeNames.map(async (nodeName, index) => {
      await Promise.all(directories.map(async (directory, place) => {
        const list = lists[index * directories.length + place];
        if (list !== undefined) await this.#take(nodeName, directory, list);
      }));
      listener.interfaceRead(interfaceNameOf(nodeName, roots));
    }));
  }

  /** Reads one directory of an interface; `nodeName` is the raw name of the interface's node. */
  async readDirectory(nodeName: string, directory: Directory): Promise<void> {
    const known = this.#directories.find((each) => each.directory === directory);
    if (known !== undefined) await this.#take(nodeName, known, this.#list(this.#below(nodeName, known)));
  }

  /** Reads the applications below a node, however deep their names are. */
  async readApplications(path: string, atOnce: number): Promise<void> {
    await this.#tolerant(path, async () => {
      const names = await this.#list(path);
      const directory = path === "/" ? "" : path;
      await inParallel(names ?? [], atOnce, async (name) => {
        const child = `${directory}/${name}`;
        const { kind } = this.#options.classify(child);
        if (kind === "application-instance") await this.readApplicationNode(child, atOnce);
        // Below a root that holds interfaces too, an application's node looks like that of an interface.
        else if (kind === "application-directory" || kind === "interface-directory") {
          await this.readApplications(child, atOnce);
        }
      });
    });
  }

  /** Reads an application's node, and what is below it if it is the first part of a longer name. */
  async readApplicationNode(path: string, atOnce: number): Promise<void> {
    const { zooKeeper, tree, listener } = this.#options;
    await this.#tolerant(path, async () => {
      const node = await zooKeeper.getData(path, this.watches);
      if (node === undefined) {
        this.removeApplicationNode(path);
        return;
      }
      if (node.stat.childCount > 0) {
        await this.readApplications(path, atOnce);
        return;
      }
      this.#seen?.add(path);
      const isNew = !tree.applicationNodes.has(path);
      if (tree.setApplicationNode(path, node.data)) listener.applicationChanged(path, isNew ? 1 : 0);
    });
  }

  /** Reads again what is directly below a node with applications, or with instances of one. */
  async rereadApplications(path: string, atOnce: number): Promise<void> {
    const { tree } = this.#options;
    await this.#tolerant(path, async () => {
      const names = new Set(await this.#list(path));
      const below = `${path === "/" ? "" : path}/`;
      for (const node of tree.applicationNodes.keys()) {
        if (node.startsWith(below) && !names.has(node.slice(below.length).split("/")[0] ?? "")) {
          this.removeApplicationNode(node);
        }
      }
    });
    await this.readApplications(path, atOnce);
  }

  /** Removes a node of an application from the tree. */
  removeApplicationNode(path: string): void {
    if (this.#options.tree.removeApplicationNode(path)) this.#options.listener.applicationChanged(path, -1);
  }

  /** Names below a node, with a watch where one is needed; undefined if there is no such node. */
  async #list(path: string): Promise<readonly string[] | undefined> {
    const { zooKeeper } = this.#options;
    for (;;) {
      const children = await zooKeeper.getChildren(path, this.watches);
      if (children !== undefined) return children.names;
      // A child watch can't wait for its node to be created, an existence watch can.
      if (!this.watches || await zooKeeper.exists(path, true) === undefined) return undefined;
    }
  }

  #below(nodeName: string, { path }: DirectoryPath): string {
    return `${this.#interfacesPath}/${nodeName}/${path}`;
  }

  /** Takes over the names in a directory of an interface, in the turn in which they come. */
  async #take(nodeName: string, directory: DirectoryPath, list: Promise<readonly string[] | undefined>) {
    await this.#tolerant(this.#below(nodeName, directory), async () => {
      const interfaceName = interfaceNameOf(nodeName, this.#options.roots);
      this.#replace(interfaceName, directory.directory, await list ?? []);
    });
  }

  #replace(interfaceName: string, directory: Directory, names: readonly string[]): void {
    const { came, went } = this.#options.tree.replace(interfaceName, directory, names);
    if (came === 0 && went === 0) return;
    this.#options.listener.interfaceChanged(interfaceName, directory === "providers" ? came - went : 0);
  }

  /** One node that can't be read (no permission, for instance) keeps what was known, and holds up no other. */
  async #tolerant(path: string, read: () => Promise<void>): Promise<void> {
    try {
      await read();
    } catch (error) {
      // The connection ended, and with it all other reads.
      if (isMeshError(error, "registry-unavailable") || isMeshError(error, "protocol-violation")) throw error;
      this.#options.listener.unreadable(path, errorText(error));
      for (const node of this.#options.tree.applicationNodes.keys()) {
        if (node.startsWith(`${path}/`) || node === path) this.#seen?.add(node);
      }
    }
  }
}

/** The items in their order, in groups of `size`; the last group may be smaller. */
function groupsOf<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}

/** Works on all items, a limited number at a time. */
async function inParallel<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const workers = Array.from({ length: Math.min(atOnce, items.length) }, async () => {
    for (const item of waiting) await work(item);
  });
  await Promise.all(workers);
}
