// The recordings that were handed in before, as links.

import { make } from './dom.js';
import { languagesOf, stateClass, stateOf } from './job-words.js';
import { duration, when } from './times.js';

/** @param {object[]} jobs as GET /jobs tells them */
export function jobList(jobs, current) {
  return make('ul', {}, ...jobs.map((job) => make('li', {}, entry(job, job.id === current))));
}

function entry(job, isCurrent) {
  const facts = [job.duration_s ? duration(job.duration_s) : '', languagesOf(job), when(job.created_s)];
  const state = stateOf(job);
  return make('a', { href: `#file/${job.id}`, title: state, ...(isCurrent ? { 'aria-current': 'true' } : {}) },
    make('strong', { textContent: job.filename || job.url || job.id }),
    make('span.facts', { textContent: facts.filter(Boolean).join(' · ') }),
    make('span', { className: stateClass(job), textContent: state })); // a long reason is cut; its whole is the title
}
