/** `make zkcli`: ZooKeeper's own shell, connected to the ZooKeeper of `make start`, to look at candidates and leaders. */
import { Profile } from '../profile.js';
import { readState } from '../provision/system-state.js';
import { runCommand } from '../run-command.js';
import { PlainError } from '../screen.js';
import { findProgram, pathFolders } from '../servers/find-program.js';
import { ZookeeperServer } from '../servers/zookeeper-server.js';
import { composeProject } from '../provision/provide.js';

export async function zkcli(): Promise<number> {
  const profile = new Profile('start');
  const zookeeper = readState(profile.path('state.json')).servers.zookeeper;
  if (zookeeper === undefined) throw new PlainError('ZooKeeper does not run: make start');
  const words = (process.env['CMD'] ?? '').split(' ').filter((word) => word !== '');
  if (zookeeper.source === 'docker') return composeProject(profile).zkcli(words);

  const classPath = ZookeeperServer.locate();
  const java = findProgram('java', javaFolders());
  if (classPath === undefined || java === undefined) {
    throw new PlainError("ZooKeeper's shell is not installed on this machine.");
  }
  const server = ['-server', zookeeper.env['ZOOKEEPER_HOST'] ?? ''];
  return runCommand(java, ['-cp', classPath, 'org.apache.zookeeper.ZooKeeperMain', ...server, ...words]);
}

/** Before the PATH: macOS has a /usr/bin/java that only tells people to install Java. */
function javaFolders(): string[] {
  const home = process.env['JAVA_HOME'];
  const homebrew = ['/opt/homebrew', '/usr/local'].map((prefix) => `${prefix}/opt/openjdk/bin`);
  return [...(home === undefined ? [] : [`${home}/bin`]), ...homebrew, ...pathFolders()];
}
