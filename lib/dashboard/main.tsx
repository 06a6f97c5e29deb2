import './language.js'
import { render } from 'preact'
import 'uplot/dist/uPlot.min.css'
import { App } from './app.js'
import { Feed } from './feed.js'
import './style.css'
import { restoreTheme } from './theme.js'

restoreTheme()
const place = document.querySelector('#app')
if (place) render(<App feed={new Feed()} />, place)
