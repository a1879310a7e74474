// What every dashboard is made of. Each panel has a title that asks or states something, a unit, words on what is good, what is bad and
// what to do, and a link to its section of docs/RUNBOOK.md.

import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as text from '@grafana/grafana-foundation-sdk/text';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

/** Of the servers that are chosen above. */
export const OF = 'job=~"$job", instance=~"$instance"';
/** Of the chosen clients there. "-" is what no client stands behind, such as a forged token. */
export const OF_CLIENT = `${OF}, client=~"$client"`;
/** Requests of people and apps, without what machines ask about the server itself. */
export const DOORS = `${OF}, route!~"/health/.*|/metrics"`;
/** Where the journal is read. The server's user runs it on the server's machine. */
const TAIL = 'countersign audit tail --config /etc/countersign/countersign.toml';

const SOURCE: common.DataSourceRef = { type: 'prometheus', uid: '${datasource}' };

/** The heading of a section of docs/RUNBOOK.md, as links name it. */
export type Section = string;

/** A query, and what a line of it is called. */
export type Line = readonly [expr: string, legend: string];

export interface Look {
  title: string;
  /** One of Grafana's units: https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/ */
  unit: string;
  good: string;
  bad: string;
  section: Section;
  lines: readonly Line[];
  /** Of 24; twelve are legible on a narrow screen. */
  width?: number;
  /** From here on it is bad. */
  limit?: number;
  /** Below here it is bad, instead. */
  least?: number;
  /** The codes by which the record is searched. */
  codes?: readonly string[];
}

/** The command that lists what stands behind a graph, for the time that is shown. */
export function tail(what: string): string {
  return `${TAIL} ${what} --from \${__from:date:iso} --to \${__to:date:iso}`;
}

function words(look: Look): string {
  const lines = [`**Good:** ${look.good}`, `**Bad:** ${look.bad}`];
  if (look.codes !== undefined) {
    const commands = look.codes.map((code) => tail(`--code ${code}`));
    lines.push(`**Who it was**, on the server's machine:\n\n\`\`\`\n${commands.join('\n')}\n\`\`\``);
  }
  lines.push(`**Do:** [docs/RUNBOOK.md, ${look.section}](\${runbook}#${look.section})`);
  return lines.join('\n\n');
}

function runbook(section: Section): dashboard.DashboardLinkBuilder {
  return new dashboard.DashboardLinkBuilder('What to do')
    .type(dashboard.DashboardLinkType.Link)
    .url(`\${runbook}#${section}`)
    .targetBlank(true);
}

function limits(look: Look): dashboard.ThresholdsConfigBuilder {
  const steps: dashboard.Threshold[] =
    look.least === undefined
      ? [{ value: null, color: 'green' }, ...(look.limit === undefined ? [] : [{ value: look.limit, color: 'red' }])]
      : [{ value: null, color: 'red' }, { value: look.least, color: 'green' }];
  return new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps);
}

function query([expr, legend]: Line, number: number): prometheus.DataqueryBuilder {
  return new prometheus.DataqueryBuilder()
    .datasource(SOURCE)
    .refId(String.fromCharCode('A'.charCodeAt(0) + number))
    .expr(expr)
    .legendFormat(legend)
    .editorMode(prometheus.QueryEditorMode.Code)
    .range();
}

/** A graph over time. */
export function graph(look: Look): cog.Builder<dashboard.Panel> {
  const hasLimit = look.limit !== undefined || look.least !== undefined;
  const panel = new timeseries.PanelBuilder()
    .title(look.title)
    .description(words(look))
    .links([runbook(look.section)])
    .datasource(SOURCE)
    .span(look.width ?? 12)
    .height(8)
    .unit(look.unit)
    .axisSoftMin(0)
    .lineWidth(2)
    .fillOpacity(8)
    .showPoints(common.VisibilityMode.Auto)
    .spanNulls(false)
    .thresholds(limits(look))
    .thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(
        hasLimit ? common.GraphThresholdsStyleMode.Dashed : common.GraphThresholdsStyleMode.Off,
      ),
    )
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.PaletteClassic))
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    );
  look.lines.forEach((line, number) => panel.withTarget(query(line, number)));
  return panel;
}

/** One figure for each line: what it is at the end of the time that is shown. */
export function figure(look: Look, words_for: Readonly<Record<string, string>> = {}): cog.Builder<dashboard.Panel> {
  const options = Object.fromEntries(
    Object.entries(words_for).map(([value, word], index) => [value, { text: word, index }]),
  );
  const panel = new stat.PanelBuilder()
    .title(look.title)
    .description(words(look))
    .links([runbook(look.section)])
    .datasource(SOURCE)
    .span(look.width ?? 6)
    .height(4)
    .unit(look.unit)
    .thresholds(limits(look))
    .colorMode(common.BigValueColorMode.Background)
    .graphMode(common.BigValueGraphMode.None)
    .textMode(common.BigValueTextMode.ValueAndName)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .noValue('nothing')
    .mappings(Object.keys(options).length === 0 ? [] : [{ type: dashboard.MappingType.ValueToText, options }]);
  look.lines.forEach((line, number) => panel.withTarget(query(line, number)));
  return panel;
}

/** A text that stands among the graphs. */
export function note(title: string, content: string, height: number): cog.Builder<dashboard.Panel> {
  return new text.PanelBuilder().title(title).mode(text.TextMode.Markdown).content(content).span(24).height(height);
}

/** The line at a share of all observations of a histogram. */
export function share(part: number, histogram: string, of: string, by: string = ''): string {
  const labels = by === '' ? 'le' : `${by}, le`;
  return `histogram_quantile(${part}, sum by (${labels}) (rate(${histogram}_bucket{${of}}[$__rate_interval])))`;
}

/** How often a second, by a label. */
export function rate(counter: string, of: string, by: string): string {
  return `sum by (${by}) (rate(${counter}{${of}}[$__rate_interval]))`;
}

/**
 * Lines of what was ever counted, by labels, and one of all: a line at 0 says that there is nothing, an empty graph that nobody was asked. What
 * was never counted would only fill the legend.
 */
export function counted(counter: string, of: string, by: string, how: 'rate' | 'increase' = 'rate'): readonly Line[] {
  const risen = `${how}(${counter}{${of}}[$__rate_interval])`;
  const legend = by
    .split(', ')
    .map((label) => `{{${label}}}`)
    .join(': ');
  return [
    [`sum(${risen})`, 'all'],
    [`sum by (${by}) (${risen}) and sum by (${by}) (${counter}{${of}}) > 0`, legend],
  ];
}

/** The question that a dashboard answers, and its panels in rows. */
export interface Board {
  uid: string;
  title: string;
  description: string;
  rows: readonly (readonly [title: string, panels: readonly cog.Builder<dashboard.Panel>[]])[];
}

function variable(name: string, label: string, of: string, description: string): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(SOURCE)
    .query(`label_values(${of}, ${name})`)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: 'All', value: '$__all' });
}

/** A dashboard with the variables that all of them have, and links to the others. */
export function build(board: Board): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(board.title)
    .uid(board.uid)
    .description(board.description)
    .tags(['countersign'])
    .timezone('utc')
    .time({ from: 'now-3h', to: 'now' })
    .refresh('30s')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .editable()
    .link(
      new dashboard.DashboardLinkBuilder('Countersign')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(['countersign'])
        .asDropdown(false)
        .includeVars(true)
        .keepTime(true),
    )
    .link(new dashboard.DashboardLinkBuilder('Runbook').type(dashboard.DashboardLinkType.Link).url('${runbook}').targetBlank(true))
    .withVariable(new dashboard.DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
    .withVariable(variable('job', 'Job', 'countersign_build_info', 'The name of the scrape'))
    .withVariable(variable('instance', 'Server', 'countersign_build_info{job=~"$job"}', 'Each server by itself, or all'))
    .withVariable(
      variable('client', 'Client', `countersign_refreshes_total{${OF}}`, 'An application; "-" is what none stands behind'),
    )
    .withVariable(
      new dashboard.TextBoxVariableBuilder('runbook')
        .label('Runbook at')
        .description('The address at which docs/RUNBOOK.md is read')
        .defaultValue('docs/RUNBOOK.md'),
    );
  for (const [title, panels] of board.rows) {
    builder.withRow(new dashboard.RowBuilder(title));
    panels.forEach((panel) => builder.withPanel(panel));
  }
  return builder.build();
}
