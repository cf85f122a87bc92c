/** Active checks and ejection. Envoy's defaults are written out: ours differ. */
import type { Message } from './message.ts';
import { durationText, type Section, typedConfig } from './values.ts';

const SUCCESS_RATE_FIELDS = [
  'success_rate_minimum_hosts',
  'success_rate_request_volume',
  'success_rate_stdev_factor',
];
const SUCCESS_RATE_HOSTS = 5;

export function importHealthCheck(cluster: Message): Section | undefined {
  const [check, ...more] = cluster.messages('health_checks');
  for (const each of more) each.leaveOut('one health check per upstream: left out');
  if (check === undefined) return undefined;
  check.skip('alt_port', 'no_traffic_interval', 'reuse_connection');
  check.tell('event_log_path', 'changes of health are in the log');
  const custom = check.message('custom_health_check');
  const typed = custom === null ? null : typedConfig(custom);
  custom?.skip('name');
  if (check.has('http_health_check') || check.has('grpc_health_check')) {
    check.leaveOut('servers of Redis are asked PING or EXISTS: left out, add health_check');
    return undefined;
  }
  check.tell('tcp_health_check', 'PING is sent instead of connecting alone');
  typed?.body.tell('aws_iam', 'no tokens of AWS here: checks log in as commands do');
  const key = typed?.body.text('key') ?? '';
  return {
    interval: durationText(check.milliseconds('interval') ?? 1000),
    timeout: durationText(check.milliseconds('timeout') ?? 500),
    unhealthy_threshold: Math.max(1, check.number('unhealthy_threshold') ?? 3),
    healthy_threshold: Math.max(1, check.number('healthy_threshold') ?? 2),
    key: key === '' ? undefined : key,
  };
}

export function importOutliers(cluster: Message, servers: number): Section | undefined {
  const outliers = cluster.message('outlier_detection');
  if (outliers === null) return undefined;
  outliers.skip('successful_active_health_check_uneject_host');
  outliers.tell(
    'interval',
    'servers are judged as they fail and come back on time: nothing to set',
  );
  tellOfRates(outliers, servers);
  const failures = failuresOf(outliers);
  if (failures === 0) return undefined;
  const base = outliers.milliseconds('base_ejection_time') ?? 30_000;
  const longest = outliers.milliseconds('max_ejection_time') ?? 300_000;
  return {
    consecutive_failures: failures,
    base_ejection: durationText(base),
    // Envoy takes the larger of the two.
    max_ejection: durationText(Math.max(base, longest)),
    max_ejection_percent: outliers.number('max_ejection_percent') ?? 10,
  };
}

/** 0: off. Time-outs and lost connections are all there is to count in Redis. */
function failuresOf(outliers: Message): number {
  const isSplit = outliers.flag('split_external_local_origin_errors');
  const [count, enforcing] = isSplit
    ? ['consecutive_local_origin_failure', 'enforcing_consecutive_local_origin_failure']
    : ['consecutive_5xx', 'enforcing_consecutive_5xx'];
  const percent = outliers.number(enforcing) ?? 100;
  if (percent > 0 && percent < 100) {
    outliers.tell(enforcing, 'here a server that fails so often is always ejected');
  }
  return percent === 0 ? 0 : (outliers.number(count) ?? 5);
}

function tellOfRates(outliers: Message, servers: number): void {
  const isOn = (outliers.number('enforcing_success_rate') ?? 100) > 0;
  const least = outliers.number('success_rate_minimum_hosts') ?? SUCCESS_RATE_HOSTS;
  outliers.skip(...SUCCESS_RATE_FIELDS);
  if (isOn && servers >= least) {
    outliers.note('servers are not ejected for their rate of success, only for failures in a row');
  }
}
