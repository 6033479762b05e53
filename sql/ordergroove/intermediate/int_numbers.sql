-- one row per whole number from 1 to 366
select day_of_year as whole_number
from dim_dates
where year_number = 2012
