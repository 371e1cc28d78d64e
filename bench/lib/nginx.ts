import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../test/support/redis-server.js';

/** Debian's nginx on a free port of loopback, one worker: what others serve and take with, to compare ours with. */
export class Nginx {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    readonly origin: string,
  ) {}

  /**
   * null where there is no nginx.
   * @param server what its `server` block says beside where it listens
   */
  static async start(server: string): Promise<Nginx | null> {
    const program = ['/usr/sbin/nginx', 'nginx'].find((one) => spawnSync(one, ['-v']).status === 0);
    if (program === undefined) return null;
    const [folder, port] = [await mkdtemp(join(tmpdir(), 'calltrack-bench-nginx-')), await freePort()];
    const config = `daemon off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log; worker_processes 1;
      events { worker_connections 64; }
      http { access_log off; sendfile on; keepalive_requests 1000000000; client_body_buffer_size 64k;
        client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
        uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
        server { listen 127.0.0.1:${port}; ${server} } }`;
    await writeFile(join(folder, 'nginx.conf'), config);
    const child = spawn(program, ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'ignore' });
    return new Nginx(child, folder, `http://127.0.0.1:${port}`);
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await rm(this.folder, { recursive: true, force: true });
  }
}
